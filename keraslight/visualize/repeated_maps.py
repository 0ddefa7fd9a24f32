"""Shows the feature maps that repeat a map of the layer before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import keras
import numpy as np

from keraslight.canvas import canvas
from keraslight.report import Report
from keraslight.visualize.similarity import REPEATED, consecutive_maps, unit_columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RepeatedMap:
    """A feature map and the map of the layer before that is most like it.

    Attributes:
        first: str, the name of the layer before.
        second: str, the name of the layer.
        first_channel: int.
        second_channel: int.
        correlation: float between -1 and 1.
        before: array of shape `(height, width)`, the map of the first picture.
        after: array of shape `(height, width)`, likewise.
    """

    first: str
    second: str
    first_channel: int
    second_channel: int
    correlation: float
    before: np.ndarray
    after: np.ndarray


class RepeatedMaps(Report):
    """Feature maps that repeat a map of the layer before, the most similar first.

    Attributes:
        maps: list of `RepeatedMap`.
    """

    formats: ClassVar = {"correlation": ".3f"}

    def __init__(self, maps: list[RepeatedMap]):
        self.maps = maps

    def as_dicts(self) -> list[dict]:
        """Returns the pairs as dicts of plain values, ready for JSON or CSV, without the maps."""
        names = ("first", "first_channel", "second", "second_channel", "correlation")
        return [{name: getattr(found, name) for name in names} for found in self.maps]

    def table(self, rows: int | None = None) -> str:
        """Returns the pairs as a Markdown table, or a sentence if there are none.

        Args:
            rows: optional int, the largest number of rows. All rows by default.
        """
        if not self.maps:
            return "No feature map repeats one of the layer before."
        return super().table(rows)

    def _draw(self, ax) -> None:
        """Draws the pairs side by side: the map before above, the map that repeats it below."""
        columns = [
            np.concatenate([_scaled(found.before), np.ones((1, width)), _scaled(after)])
            for found in self.maps
            for width in [found.before.shape[1]]
            for after in [np.sign(found.correlation) * found.after]
        ]
        height = max(column.shape[0] for column in columns)
        padded = [
            np.pad(column, ((0, height - column.shape[0]), (0, 1)), constant_values=np.nan)
            for column in columns
        ]
        ax.imshow(np.concatenate(padded, axis=1), cmap="viridis", interpolation="nearest")
        ax.set_axis_off()

    def _figure_size(self):
        return 1.2 * len(self.maps), 2.6

    def draw(self) -> "Figure":
        """Draws the pairs on a new figure with the names of the layers, and returns it."""
        with canvas(1.3 * len(self.maps), 3.2) as figure:
            axes = figure.subplots(2, len(self.maps), squeeze=False)
            for (above, below), found in zip(axes.T, self.maps, strict=True):
                sign = np.sign(found.correlation)
                for axis, values in ((above, found.before), (below, sign * found.after)):
                    axis.imshow(values, cmap="viridis")
                    axis.set_axis_off()
                above.set_title(f"{found.first}\n{found.first_channel}", fontsize=6)
                below.set_title(f"{found.second}\n{found.second_channel}", fontsize=6)
        return figure


def _scaled(values):
    spread = np.ptp(values)
    return (values - values.min()) / (spread if spread > 0 else 1)


def repeated_maps(
    model: keras.Model,
    image,
    most: int = 8,
    layers: Sequence[str] | None = None,
    correlation: float = REPEATED,
) -> RepeatedMaps:
    """Finds feature maps that repeat a map of the layer before.

    Args:
        model: a functional or Sequential Keras model with one input.
        image: array of shape `(height, width, channels)` as the model takes, or a batch of such.
        most: int, the largest number of pairs, the most similar of each layer.
        layers: optional names of the layers to compare, as of `feature_similarity`.
        correlation: float, the least absolute correlation.

    Returns:
        A `RepeatedMaps`, empty if nothing is repeated: print it, or call its methods `table`,
        `as_dicts`, `plot` and `draw`.

    Raises:
        ValueError: if no two consecutive maps have the same size, or the model does not have the
            `layers`.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3))
    >>> found = keraslight.visualize.repeated_maps(model, np.random.rand(32, 32, 3), most=2)
    >>> [round(abs(pair.correlation), 2) for pair in found.maps]  # channels that skip a block
    [1.0, 1.0]

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022
        (https://arxiv.org/abs/2207.10318), which shows such maps.
    """
    found = []
    for first, second, before, after in consecutive_maps(model, image, layers):
        correlations = unit_columns(after).T @ unit_columns(before)
        channel = int(np.abs(correlations).max(axis=1).argmax())
        source = int(np.abs(correlations[channel]).argmax())
        value = float(correlations[channel, source])
        if abs(value) >= correlation:
            maps = before[0, ..., source], after[0, ..., channel]
            found.append(RepeatedMap(first, second, source, channel, value, *maps))
    found.sort(key=lambda pair: -abs(pair.correlation))
    return RepeatedMaps(found[:most])
