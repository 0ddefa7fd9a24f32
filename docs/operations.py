"""The table of the operations that have an int8 form, made from their classes."""

import re

import keras

from keraslight.graph.composite_operations import COMPOSITE_OPERATIONS
from keraslight.graph.deploy import OWN
from keraslight.graph.write_out import COMPOSITES
from keraslight.quantization.ops import OPS
from keraslight.report import markdown_table

OF_PARTS = (*COMPOSITES, *OWN, keras.layers.Lambda, *COMPOSITE_OPERATIONS)


def table() -> str:
    """Returns the table: what int8 can express, and the layers and operations of each kind."""
    kinds = [(_summary(op), _names(op.classes, getattr(op, "function", None))) for op in OPS]
    kinds.append(("What is written as the layers and operations it consists of", _names(OF_PARTS)))
    rows = [{"kind": kind, "layers and operations": ", ".join(names)} for kind, names in kinds]
    return markdown_table(sorted(rows, key=lambda row: row["kind"].lower()))


def _summary(op):
    """Returns the first paragraph of a class's docstring without its full stop."""
    paragraph = type(op).__doc__.split("\n\n")[0]
    return " ".join(paragraph.split()).removesuffix(".").replace("|", "\\|")


def _names(classes, activation=None):
    """Returns the public names of layers and operations, and of an activation."""
    names = []
    for kind in classes:
        if getattr(keras.layers, kind.__name__, None) is kind:
            names.append(f"layers.{kind.__name__}")
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()
        if not issubclass(kind, keras.layers.Layer) and hasattr(keras.ops, name):
            names.append(f"ops.{name}")
    functions = vars(keras.activations).items()
    names += [f"activations.{n}" for n, f in functions if f is activation]
    return [f"`{name}`" for name in dict.fromkeys(names)]
