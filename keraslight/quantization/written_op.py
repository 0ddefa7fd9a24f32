"""The base class of operations that the file has and the converter of TFLite cannot write."""

from dataclasses import dataclass, field

import numpy as np

from keraslight.graph.graph import Call
from keraslight.quantization.activation_op import ActivationOp
from keraslight.quantization.integers import LOWEST, Grid


@dataclass(frozen=True)
class Builtin:
    """An operation of TFLite whose first operand is the input of a call.

    Attributes:
        name: its name in the schema.
        options: dict of its options in the schema.
        constants: tuple of its other operands, each an int8 array and its scale.
    """

    name: str
    options: dict = field(default_factory=dict)
    constants: tuple[tuple[np.ndarray, float], ...] = ()


class WrittenOp(ActivationOp):
    """An operation that `keraslight.export.lookups` writes into the file."""

    def builtin(self, call: Call, source: Grid, grid: Grid) -> Builtin | None:
        """Returns the int8 operation of TFLite that computes a call, `None` for a table.

        Args:
            call: the call.
            source: the grid of the input.
            grid: the grid of the output.
        """
        return None

    def table(self, call: Call, source: Grid, grid: Grid) -> np.ndarray:
        """Returns the int8 code of the output for each of the 256 codes of the input."""
        raise NotImplementedError(f"{type(self).__name__} must define `builtin` or `table`.")


def grid_of(scale: float, zero_point: int) -> Grid:
    """Returns the grid with a scale and a zero point, such as those of a tensor of a file."""
    scale, zero_point = np.float32(scale), np.float32(zero_point)
    ends = LOWEST - zero_point, LOWEST + 255 - zero_point
    return Grid(tuple(end * scale for end in ends), scale, zero_point, *ends)
