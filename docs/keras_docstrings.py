"""Reads docstrings in Keras's order as the documentation's tool wants them."""

import re

import griffe

# packages whose public names are those in `__all__` of their modules: those of the layers are names
# of keraslight.layers, those of the models names of keraslight itself
PACKAGES = {"layers": "keraslight.layers", "models": "keraslight"}
# a section whose name stands alone on its line; its text is not indented
EXAMPLE = re.compile(r"^Example:\n(.*?)(?=^Reference:|\Z)", re.MULTILINE | re.DOTALL)
# sections that the tool does not know
SHAPE = re.compile(r"^(Input shape|Output shape):", re.MULTILINE)
REFERENCE = re.compile(r"^Reference:\n((?: {4}.*\n?)+)", re.MULTILINE)


def to_google(text: str) -> str:
    """Returns a docstring with its examples indented and its other sections as paragraphs."""
    text = EXAMPLE.sub(lambda found: "Examples:\n" + _indented(found[1]) + "\n\n", text)
    text = SHAPE.sub(r"**\1:**", text)
    text = re.sub(r"(\*\*(?:Input|Output) shape:\*\*[^\n]*)((?:\n {4}[^\n]*)+)", _unindented, text)
    return REFERENCE.sub(lambda found: "**Reference:** " + _joined(found[1]), text)


def _listed_names(package):
    """Yields the names in `__all__` of a package's modules, and their paths."""
    for module in package.modules.values():
        for name in module.exports or ():
            yield str(name).strip("'\""), f"{module.path}.{name}"


def _indented(text):
    return "\n".join(f"    {line}" if line else line for line in text.strip().splitlines())


def _unindented(found):
    return found[1] + " " + _joined(found[2])


def _joined(text):
    return " ".join(line.strip() for line in text.strip().splitlines())


class KerasDocstrings(griffe.Extension):
    """Rewrites every docstring before it is parsed, and adds names that are collected on import."""

    def on_package(self, *, pkg, **kwargs):
        """Called once a whole package was read, without importing it."""
        for package, home in PACKAGES.items():
            parent = pkg if home == pkg.path else pkg[home.removeprefix(f"{pkg.path}.")]
            for name, path in _listed_names(pkg[package]):
                parent.set_member(name, griffe.Alias(name, path, parent=parent))

    def on_instance(self, *, obj, **kwargs):
        """Called for every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = to_google(obj.docstring.value)
