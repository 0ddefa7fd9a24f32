"""What tables of runs have in common: runs that saw the same images."""


def require_same_data(summaries: dict[str, dict]) -> dict | None:
    """Returns the fingerprint of the images that all runs saw.

    Args:
        summaries: dict from names of runs to what `training.train` wrote of them.

    Raises:
        ValueError: if the runs saw different images.
    """
    data = {name: found.get("record", {}).get("data") for name, found in summaries.items()}
    first = next(iter(data.values()), None)
    if any(other != first for other in data.values()):
        raise ValueError(
            "The runs are of different pictures, so that their accuracies cannot be compared. "
            f"Received: {data}"
        )
    return first
