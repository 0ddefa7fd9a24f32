"""The models that can be built by name."""

from collections.abc import Callable

import keras

__all__ = ["create_model", "list_models"]

_BUILDERS: dict[str, tuple[Callable, dict]] = {}


def register(name: str, builder: Callable, **arguments) -> None:
    """Lets `create_model(name)` call `builder(**arguments)`.

    Args:
        name: str, the name of the network. `builder` must set it as `model.architecture["name"]`.
        builder: callable, the constructor of the family.
        **arguments: the arguments of the constructor that choose this network.

    Raises:
        ValueError: if another network has that name.
    """
    if _BUILDERS.get(name, (builder, arguments)) != (builder, arguments):
        raise ValueError(f"There is another network of that name. Received: name={name!r}")
    _BUILDERS[name] = (builder, arguments)


def family_of(name: str) -> str:
    """Returns the family of a network: the name of the module that registers it."""
    builder, _ = _BUILDERS[name]
    return builder.__module__.rpartition(".")[2]


def list_models(prefix: str = "") -> list[str]:
    """Returns the names that `create_model` takes.

    Args:
        prefix: str, the beginning of the names wanted.

    Returns:
        A sorted list of str.

    Example:
    >>> keraslight.list_models("vgnetf")[0]
    'vgnetf_1_0mp'
    """
    return sorted(name for name in _BUILDERS if name.startswith(prefix))


def create_model(name: str, **kwargs) -> keras.Model:
    """Builds a model by its name.

    Args:
        name: str, one of `list_models()`.
        **kwargs: further arguments of the model's constructor, such as `classes`.

    Returns:
        A `keraslight.LightModel`.

    Raises:
        ValueError: if there is no model of that name.

    Example:
    >>> keraslight.create_model("vgnetg_1_0mp_se", classes=10, input_shape=(64, 64, 3)).name
    'vgnetg_1_0mp_se'
    """
    if name not in _BUILDERS:
        raise ValueError(f"`name` must be one of {list_models()}. Received: name={name!r}")
    builder, arguments = _BUILDERS[name]
    return builder(**{**arguments, **kwargs})
