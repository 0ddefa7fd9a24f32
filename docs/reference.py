"""The reference: a page for every public name, and one for every group of names."""

import importlib
import inspect
from dataclasses import dataclass

import keras

import keraslight
from keraslight.graph.policy import Form
from keraslight.report import Report


@dataclass(frozen=True)
class Group:
    """A group of names.

    Attributes:
        folder: str, where its pages are, below `api/`.
        title: str, of its page.
        text: str, what its names are for.
        packages: names of the packages that define them.
    """

    folder: str
    title: str
    text: str
    packages: tuple[str, ...]


GROUPS = (
    Group(
        "models",
        "Models",
        "The networks by constructor and by name, their stages and their cost.",
        ("models",),
    ),
    Group(
        "layers", "Layers", "Every block as a Keras layer, and base classes for yours.", ("layers",)
    ),
    Group(
        "kernels",
        "Kernel algebra",
        "Functions that fold normalizations into kernels and add kernels, for blocks of your own.",
        ("kernels",),
    ),
    Group(
        "deployment",
        "Fuse, quantize, export",
        "From a trained model to a `.tflite` file, and back.",
        ("graph", "reparam", "quantization", "export", "tflite_import"),
    ),
    Group(
        "detection",
        "Detection and segmentation",
        "SSDLite and LR-ASPP on any backbone, losses and files.",
        ("detection", "segmentation"),
    ),
    Group(
        "boxes",
        "Boxes",
        "Anchors, matching, suppression, COCO files and average precision. "
        "Importing these does not import Keras.",
        ("boxes",),
    ),
    Group(
        "weights",
        "Weights",
        "Published weights, checkpoints, and what a network takes.",
        ("weights", "download"),
    ),
    Group(
        "visualize",
        "Visualize",
        "What kernels look like and what feature maps hold.",
        ("visualize",),
    ),
    Group(
        "tflite",
        "Files: inspect, run, score",
        "What is in a `.tflite` file, running it on this machine, and its accuracy. "
        "Importing these does not import Keras.",
        ("tflite",),
    ),
    Group(
        "pictures",
        "Pictures",
        "Listing and reading pictures, and what is done to them before a network takes them.",
        ("pictures",),
    ),
    Group(
        "benchmark",
        "Benchmark",
        "Timing files on this machine and on Android phones.",
        ("benchmark",),
    ),
    Group(
        "conversion",
        "Convert",
        "What `keraslight convert` does beside the export: loading models, choosing pictures for "
        "the calibration, comparing the file with the model.",
        ("conversion",),
    ),
)
# packages and modules whose public names are those in `__all__`
MODULES = (
    "keraslight",
    "keraslight.kernels",
    "keraslight.layers",
    "keraslight.visualize",
    "keraslight.tflite",
    "keraslight.pictures",
    "keraslight.boxes",
    "keraslight.benchmark",
)
# modules without such a list, of which all names are public that they define
DEFINING = (
    "keraslight.conversion.convert",
    "keraslight.conversion.check",
    "keraslight.conversion.keras_model",
)


def public_objects() -> dict[str, object]:
    """Returns all public classes and functions by the path under which they are imported."""
    found = {}
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            if not inspect.ismodule(getattr(module, name)):
                found[f"{module.__name__}.{name}"] = getattr(module, name)
    for kind in (Form, *Report.__subclasses__()):
        if kind not in found.values():
            found[f"{kind.__module__}.{kind.__name__}"] = kind
    for module in map(importlib.import_module, DEFINING):
        for name, value in vars(module).items():
            defined = getattr(value, "__module__", None) == module.__name__
            if defined and not name.startswith("_") and callable(value):
                found[f"{module.__name__}.{name}"] = value
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


def names_of(group: Group) -> dict[str, object]:
    """Returns the public names of a group, sorted by their last part, with their objects."""
    found = {
        path: value
        for path, value in public_objects().items()
        if _package(path, value) in group.packages
    }
    return dict(sorted(found.items(), key=lambda item: _last(item[0]).lower()))


def _package(path, value):
    parts = path.split(".")
    return parts[1] if len(parts) > 2 else value.__module__.split(".")[1]


def _last(path):
    return path.rpartition(".")[2]


def sections() -> dict[str, dict[str, tuple[str, str]]]:
    """Returns the pages of the reference.

    Returns:
        A dict from the titles of the groups to dicts from the titles of their pages to the path
        and the Markdown of each page.
    """
    return {group.title: _pages(group) for group in GROUPS}


def _pages(group):
    names = names_of(group)
    pages = {"Overview": (f"api/{group.folder}/index.md", _index(group, names))}
    for path, value in names.items():
        pages[_last(path)] = (f"api/{group.folder}/{_last(path)}.md", _page(path, value))
    return pages


def _index(group, names):
    lines = [f"# {group.title}", "", group.text, "", "| name | |", "| --- | --- |"]
    for path, value in names.items():
        summary = inspect.getdoc(value).splitlines()[0].replace("|", "\\|")
        lines.append(f"| [`{path.removeprefix('keraslight.')}`]({_last(path)}.md) | {summary} |")
    return "\n".join(lines) + "\n"


def _page(path, value):
    lines = [
        # the path of the module that defines it, which the documentation's tool can read
        f"::: {value.__module__}.{value.__name__}",
        "    options:",
        "      heading_level: 1",
        f"      heading: {path}",
        f"      toc_label: {_last(path)}",
    ]
    if shown := members(value):
        lines += ["      inherited_members: true", f"      members: [{', '.join(shown)}]"]
    return "\n".join(lines) + "\n"
