"""The base class of everything that is known about one kind of operator in a .tflite file."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np

from keraslight.tflite.file_graph import FileOperator, FileTensor

if TYPE_CHECKING:
    from keraslight.tflite_import.builder import Builder

# the fused activations by their number in the file: the name of the Keras function
ACTIVATIONS = {0: "linear", 1: "relu", 2: "hard_tanh", 3: "relu6", 4: "tanh"}


@dataclass(frozen=True)
class Codes:
    """The codes of a quantized tensor as plain ints, on their way to a table.

    Attributes:
        source: symbolic tensor.
        tensor: the `FileTensor`.
        added: int, what was added to the codes.
    """

    source: object
    tensor: FileTensor
    added: int = 0


class NeedsBatch(Exception):
    """An operator that mixes the images of a batch: the model can be read for one size only."""


class Refused(ValueError):
    """An operator that cannot be read."""


class Reader:
    """Reads one kind of operator.

    A subclass that a module of `keraslight/tflite_import/readers` lists in its `__all__` is found
    without further registration.

    Attributes:
        kinds: the names of the operators in the schema.
        version: int, the newest version of the operator that is known.
        selecting: bool, whether every output value is one of the input values, so that the outputs
            have the codes of the input.
        has_integers: bool, whether the operator can be read with integers.
    """

    kinds: tuple[str, ...] = ()
    version = 9
    selecting = False
    has_integers = True

    def read(self, build: "Builder", op: FileOperator, *inputs) -> object:
        """Returns the symbolic output of an operator, or a list of them, not rounded.

        Args:
            build: makes layers and constants.
            op: the operator.
            *inputs: for each input a symbolic tensor, an array for a constant, or `None`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `read`.")

    def is_exact_in_float(self, op: FileOperator) -> bool:
        """Tells whether float32 computes the codes of the outputs from those of the inputs."""
        return False

    def fold(self, op: FileOperator, *inputs: np.ndarray):
        """Returns the output of an operator of constants, `None` if that is not known."""


def activated(build: "Builder", op: FileOperator, x):
    """Applies the activation that an operator has fused."""
    name = ACTIVATIONS.get(getattr(op.options, "fusedActivationFunction", 0))
    if name is None:
        raise Refused(f"its fused activation is not known: {op.options.fusedActivationFunction}")
    if name == "linear":
        return x
    return keras.layers.Activation(name, name=build.name(op, name))(x)
