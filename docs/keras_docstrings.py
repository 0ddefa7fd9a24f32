"""Reads docstrings in Keras's order as the documentation's tool wants them."""

import re

import griffe

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


def _indented(text):
    return "\n".join(f"    {line}" if line else line for line in text.strip().splitlines())


def _unindented(found):
    return found[1] + " " + _joined(found[2])


def _joined(text):
    return " ".join(line.strip() for line in text.strip().splitlines())


class KerasDocstrings(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_instance(self, *, obj, **kwargs):
        """Called for every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = to_google(obj.docstring.value)
