"""Translates the configurations in files that an earlier version of keraslight saved."""


def current_config(config: dict) -> dict:
    """Returns a layer's configuration with the current names and meanings of its arguments.

    - `deploy` is `fused` now.
    - `se_filters`, the number of squeezed channels, is `se_ratio` now, their share.
    - `ratio`, of `PartialConv2D`, is `reduction` now.
    - `gamma_initializer` was a number and is an initializer now.
    """
    config = dict(config)
    if "deploy" in config:
        config["fused"] = config.pop("deploy")
    if "ratio" in config:
        config["reduction"] = config.pop("ratio")
    if "se_filters" in config:
        squeezed, filters = config.pop("se_filters"), config.get("filters")
        if squeezed and not filters:
            raise ValueError(
                "The share of the squeezed channels needs the number of all channels. "
                f"Received: a config with se_filters={squeezed!r} and without `filters`"
            )
        config["se_ratio"] = squeezed / filters if squeezed else None
    gamma = config.get("gamma_initializer")
    if isinstance(gamma, int | float):
        config["gamma_initializer"] = {"class_name": "Constant", "config": {"value": gamma}}
    return config
