"""The range of floats that gives exactly the scale and the zero point of a file."""

import numpy as np

from keraslight.quantization.fake_quantize import SMALLEST_RANGE
from keraslight.quantization.integers import HIGHEST, LOWEST, Grid

STEPS = HIGHEST - LOWEST


def ends_of(scale: float, zero_point: int) -> tuple[float, float]:
    """Returns the float32 ends of the range whose grid has a scale and a zero point.

    The larger end is rounded to float32 first. Then the smaller one makes up for the rounding: its
    float32 neighbours are less than half a step of the scale apart.

    Args:
        scale: float32.
        zero_point: int from -128 to 127.

    Raises:
        ValueError: if no range gives them.
    """
    scale = np.float32(scale)
    width = STEPS * np.float64(scale)
    best = None
    first_is_high = zero_point <= 0
    exact = (HIGHEST - zero_point if first_is_high else LOWEST - zero_point) * np.float64(scale)
    first = np.float32(exact)
    for one in (first, np.nextafter(first, np.float32(0)), np.nextafter(first, 2 * first)):
        other = np.float32(one - width if first_is_high else one + width)
        low, high = (other, one) if first_is_high else (one, other)
        error = abs((np.float64(high) - np.float64(low)) - width)
        if best is None or error < best[0]:
            best = error, float(low), float(high)
    _, low, high = best
    grid = Grid.of(low, high)
    if high - low < SMALLEST_RANGE or grid.scale != scale or grid.zero_point != zero_point:
        raise ValueError(
            "A tensor of the file has a scale that is too small. "
            f"Received: scale={scale}, zero_point={zero_point}"
        )
    return low, high
