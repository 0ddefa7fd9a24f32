"""Draws all depthwise kernels of a model in one figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from keraslight.canvas import INK, canvas
from keraslight.visualize.spatial_kernels import find_depthwise_kernels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 48
INCHES = 0.17  # height of a row of kernels
TITLE = 0.26  # height of a title, in inches


def plot_kernels(
    model: keras.Model,
    layers: Sequence[str] | None = None,
) -> "Figure":
    """Draws every depthwise kernel of a model, layer by layer.

    Red is positive, blue is negative, white is zero. Each kernel is scaled by its largest value.

    Args:
        model: any Keras model with depthwise convolutions, fused or not.
        layers: optional list of names of layers, which `keraslight.visualize.kernel_census`
            lists. All layers by default.

    Returns:
        A matplotlib `Figure`; `figure.savefig(path)` saves it.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if the model has no depthwise convolutions, or does not have the `layers`.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3))
    >>> figure = keraslight.visualize.plot_kernels(model, layers=["stage4_depthwise"])
    >>> len(figure.axes)
    1

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, figure 1
        (https://arxiv.org/abs/2207.10318).
    """
    found = find_depthwise_kernels(model)
    if layers is not None:
        unknown = set(layers) - {kernels.layer for kernels in found}
        if unknown:
            raise ValueError(
                f"`layers` must be of {[kernels.layer for kernels in found]}. "
                f"Received: layers with {sorted(unknown)}"
            )
        found = [kernels for kernels in found if kernels.layer in layers]
        if not found:
            raise ValueError(f"`layers` must name at least one layer. Received: layers={layers!r}")
    rows = [-(-kernels.values.shape[-1] // COLUMNS) for kernels in found]
    heights = [count * INCHES + TITLE for count in rows]
    with canvas(COLUMNS * INCHES + 0.2, sum(heights) + 0.1) as figure:
        import matplotlib

        colors = matplotlib.colormaps["RdBu_r"].with_extremes(over=INK)
        axes = figure.subplots(len(found), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, kernels in zip(axes, found, strict=True):
            height, width, count = kernels.values.shape
            mosaic = kernel_mosaic(kernels.values)
            axis.imshow(mosaic, cmap=colors, vmin=-1, vmax=1, interpolation="nearest")
            axis.set_anchor("NW")
            axis.set_axis_off()
            kind = "" if kernels.is_learned else ", fixed"
            title = f"{kernels.layer}: {count} of {height}x{width}{kind}"
            axis.set_title(title, loc="left", fontsize=8, pad=2)
    return figure


def kernel_mosaic(kernels: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """Returns an image of kernels side by side, each scaled to a largest value of 1.

    Args:
        kernels: array of shape `(height, width, kernels)`.
        columns: int, the number of kernels in a row.

    Returns:
        A 2D array. Frames around kernels are infinite, empty places are NaN.
    """
    height, width, count = kernels.shape
    largest = np.abs(kernels).max(axis=(0, 1))
    scaled = kernels / np.where(largest > 0, largest, 1)
    rows = -(-count // columns)
    mosaic = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1), np.nan)
    for index in range(count):
        top, left = index // columns * (height + 1), index % columns * (width + 1)
        mosaic[top : top + height + 2, left : left + width + 2] = np.inf
        mosaic[top + 1 : top + 1 + height, left + 1 : left + 1 + width] = scaled[..., index]
    return mosaic
