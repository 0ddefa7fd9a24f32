"""The table of the operations that have an int8 form, made from their classes."""

import re

import keras

from keraslight.quantization.ops import OPS
from keraslight.report import markdown_table


def table() -> str:
    """Returns the table: what int8 can express, and the layers and operations of each kind."""
    rows = [{"kind": _summary(op), "layers and operations": ", ".join(_names(op))} for op in OPS]
    return markdown_table(sorted(rows, key=lambda row: row["kind"].lower()))


def _summary(op):
    """Returns the first paragraph of a class's docstring without its full stop."""
    paragraph = type(op).__doc__.split("\n\n")[0]
    return " ".join(paragraph.split()).removesuffix(".").replace("|", "\\|")


def _names(op):
    """Returns the public names of what a kind of operation matches."""
    names = []
    for kind in op.classes:
        if getattr(keras.layers, kind.__name__, None) is kind:
            names.append(f"layers.{kind.__name__}")
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()
        if not issubclass(kind, keras.layers.Layer) and hasattr(keras.ops, name):
            names.append(f"ops.{name}")
    functions = vars(keras.activations).items()
    names += [f"activations.{n}" for n, f in functions if f is getattr(op, "function", None)]
    return [f"`{name}`" for name in dict.fromkeys(names)]
