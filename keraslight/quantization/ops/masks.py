r"""Constant masks of the arguments of a softmax in int8.

Floating point adds a number such as -1e9 to what is masked. A range that reaches so far would leave
all other arguments in one step. Here the range reaches `MARGIN` below the lowest argument, so that
the share of what is masked rounds to zero:

    exp(-MARGIN) < 1 / 256 / 2 / 40

A sum with `MASKED` ends at the lowest value of the range.
"""

from typing import TYPE_CHECKING

import keras
import numpy as np

if TYPE_CHECKING:
    from keraslight.quantization.writer import Value, Writer

ops = keras.ops
MARGIN = 10.0
# XNNPACK adds tensors if the step of neither is 256 times that of the sum
MASKED = -1000.0
# numbers from here on are no arguments
HIGHEST_MASK = -50.0


def is_masking(constant) -> bool:
    """Tells whether all numbers of a constant are far below the arguments of a softmax."""
    return bool(np.all(ops.convert_to_numpy(constant) <= HIGHEST_MASK))


def allowed_by(constant) -> np.ndarray | None:
    """Returns where a constant that is added is zero, if it is a mask, and `None` otherwise."""
    values = ops.convert_to_numpy(constant)
    allowed = values == 0
    is_mask = values.size > 1 and not allowed.all() and is_masking(values[~allowed])
    return allowed if is_mask else None


def write_masked(writer: "Writer", name: str, x: "Value", allowed: np.ndarray) -> "Value":
    """Writes a tensor with the lowest value of its range where it is masked.

    Args:
        writer: writes the layers.
        name: the name of the result.
        x: the arguments of a softmax.
        allowed: boolean array, false where they are masked.
    """
    if allowed.all():
        return x
    if x.quantizer is None or x.quantizer.fixed_range is not None:
        x = writer.new_range(x.tensor, f"{name}_arguments", clips=False)
    # a range of its own would round the arguments twice
    x.quantizer.margin = MARGIN
    mask = np.where(allowed, 0.0, MASKED).astype("float32")
    return writer.round_again(x.quantizer, ops.add(x.tensor, mask))
