"""How large the weights of kernels are on average at each of their places."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import keras
import numpy as np

from keraslight.canvas import canvas
from keraslight.report import Report, markdown_table
from keraslight.visualize.spatial_kernels import find_kernels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6


@dataclass(frozen=True)
class LayerMagnitude:
    """The mean magnitude of the kernels of one layer.

    Attributes:
        layer: str, the name of the layer.
        magnitudes: float array of shape `(height, width)`, the mean absolute weight at each place
            over all kernels, divided by the largest.
    """

    layer: str
    magnitudes: np.ndarray

    @property
    def skeleton(self) -> float:
        """The mean of the middle row and column, over the mean of the corners outside of them."""
        height, width = self.magnitudes.shape
        cross = np.zeros((height, width), bool)
        cross[height // 2] = cross[:, width // 2] = True
        if cross.all():
            return float("nan")
        return float(self.magnitudes[cross].mean() / self.magnitudes[~cross].mean())


class KernelMagnitude(Report):
    """The mean magnitude of the kernels of each layer.

    Attributes:
        layers: list of `LayerMagnitude`, in the order of the model.
    """

    formats: ClassVar = {"centre": ".2f", "skeleton": ".2f"}

    def __init__(self, layers: list[LayerMagnitude]):
        self.layers = layers

    def as_dicts(self) -> list[dict]:
        """Returns the layers as dicts of plain values, ready for JSON or CSV.

        `centre` is the magnitude at the middle, `skeleton` that of the middle row and column over
        that of the corners.
        """
        return [
            {
                "layer": layer.layer,
                "size": "x".join(map(str, layer.magnitudes.shape)),
                "centre": float(layer.magnitudes[tuple(n // 2 for n in layer.magnitudes.shape)]),
                "skeleton": layer.skeleton,
                "magnitudes": layer.magnitudes.round(4).tolist(),
            }
            for layer in self.layers
        ]

    def table(self, rows: int | None = None) -> str:
        """Returns a Markdown table: of each layer the magnitude at the centre and the skeleton.

        Args:
            rows: optional int, the largest number of layers. All layers by default.
        """
        shown = [
            {name: value for name, value in row.items() if name != "magnitudes"}
            for row in self.as_dicts()[:rows]
        ]
        return markdown_table(shown, self.formats)

    def _draw(self, ax) -> None:
        """Draws the skeleton of each layer as a line over the depth."""
        ax.plot([layer.skeleton for layer in self.layers], "o-", color="#3a86c8")
        ax.axhline(1, color="#a0a0a0", linewidth=0.8)
        ax.set_xlabel("layer")
        ax.set_ylabel("skeleton over corners")

    def draw_kernels(self) -> "Figure":
        """Draws the mean magnitude of each layer as a small picture, and returns the figure."""
        rows = -(-len(self.layers) // COLUMNS)
        with canvas(1.3 * COLUMNS, 1.5 * rows) as figure:
            axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
            for axis in axes:
                axis.set_axis_off()
            for axis, layer in zip(axes, self.layers, strict=False):
                axis.imshow(layer.magnitudes, cmap="viridis", vmin=0, vmax=1)
                axis.set_title(layer.layer, fontsize=6)
        return figure


def kernel_magnitude(
    model: keras.Model, connections: Sequence[str] = ("depthwise",)
) -> KernelMagnitude:
    """Measures how large the weights of kernels are on average at each of their places.

    Args:
        model: any Keras model with convolutions larger than 1x1, fused or not.
        connections: the convolutions to look at: some of `"depthwise"`, `"grouped"`, `"dense"`.

    Returns:
        A `KernelMagnitude`: print it, or call its methods `table`, `as_dicts`, `plot` and
        `draw_kernels`.

    Raises:
        ValueError: if the model has no such kernels.

    Example:
    >>> model = keraslight.LightNet(input_shape=(32, 32, 3))
    >>> found = keraslight.visualize.kernel_magnitude(model)
    >>> found.layers[0].magnitudes.shape
    (3, 3)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023, figure 5
        (https://arxiv.org/abs/2306.06365), where the middle row and column of RepSO are larger.
    """
    layers = []
    for found in find_kernels(model, connections):
        magnitudes = np.abs(found.values).mean(axis=-1)
        layers.append(LayerMagnitude(found.layer, magnitudes / max(magnitudes.max(), 1e-30)))
    return KernelMagnitude(layers)
