"""Writes the pages of the reference from the public names; mkdocs runs it as a hook."""

import inspect

import keras

import keraslight
from keraslight.graph.policy import Form
from keraslight.report import Report

# page: its title, and the packages whose names it lists
PAGES = {
    "models": ("Models", ("models",)),
    "layers": ("Layers", ("layers",)),
    "kernels": ("Kernel algebra", ("kernels",)),
    "deployment": ("Fuse, quantize, export", ("graph", "reparam", "quantization", "export")),
    "weights": ("Weights", ("weights",)),
    "visualize": ("Visualize", ("visualize",)),
}


def public_objects() -> dict[str, object]:
    """Returns all public classes and functions by their paths, and the classes they refer to."""
    found = {}
    for module in (keraslight, keraslight.kernels, keraslight.layers, keraslight.visualize):
        for name in module.__all__:
            if not inspect.ismodule(getattr(module, name)):
                found[f"{module.__name__}.{name}"] = getattr(module, name)
    for kind in (Form, *Report.__subclasses__()):
        if kind not in found.values():
            found[f"{kind.__module__}.{kind.__name__}"] = kind
    return found


def members(value: object) -> list[str]:
    """Returns the methods and properties to show: those of its own that have a docstring.

    Of layers they are shown for the base class only.
    """
    if not inspect.isclass(value):
        return []
    if issubclass(value, Report):
        return ["as_dicts", "table", "plot"]
    if issubclass(value, keras.layers.Layer) and value is not keraslight.layers.ReparamLayer:
        value = value if issubclass(value, keras.Model) else object
    return [
        name
        for name, member in vars(value).items()
        if not name.startswith("_") and _has_docstring(member)
    ]


def _has_docstring(member):
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    return inspect.isroutine(function) and bool(function.__doc__)


def package_of(path: str, value: object) -> str:
    """Returns the package of an object: that of its path, or the one that defines it."""
    parts = path.split(".")
    return parts[1] if len(parts) > 2 else value.__module__.split(".")[1]


def pages() -> dict[str, str]:
    """Returns the pages of the reference: Markdown by path."""
    objects = public_objects()
    return {
        f"api/{page}.md": "\n".join([f"# {title}", "", *_entries(objects, packages)])
        for page, (title, packages) in PAGES.items()
    }


def _entries(objects, packages):
    for path, value in sorted(objects.items(), key=lambda item: item[0].rpartition(".")[2].lower()):
        if package_of(path, value) in packages:
            yield f"::: {path}"
            if names := members(value):
                yield from (
                    "    options:",
                    "      inherited_members: true",
                    f"      members: [{', '.join(names)}]",
                )


def on_files(files, config):
    """Adds the pages to the site. mkdocs calls it after it has found the other files."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files
