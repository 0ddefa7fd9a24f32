"""Collects the public names of a package from its modules."""

import importlib
import pkgutil


def public_names(package: str) -> dict[str, object]:
    """Imports every module of a package and returns what their `__all__` lists.

    With it, a new class needs one file: the package's `__init__.py` does not change.

    Args:
        package: the dotted name of the package. It may be the package that is being imported, so
            its `__init__.py` can pass `__name__`.

    Returns:
        A dict from names, sorted, to the objects. Modules without `__all__` add nothing.

    Raises:
        ValueError: if two modules of the package list the same name.

    Example:
    >>> from keraslight.discover import public_names
    >>> public_names("keraslight.layers")["RepSO"] is keraslight.layers.RepSO
    True
    """
    found, homes = {}, {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{info.name}")
        for name in getattr(module, "__all__", ()):
            if name in found:
                raise ValueError(
                    "A public name must be in `__all__` of one module only. "
                    f"Received: {name} in {homes[name]} and {module.__name__}"
                )
            found[name], homes[name] = getattr(module, name), module.__name__
    return {name: found[name] for name in sorted(found)}
