"""Measures how much a feature map repeats the one before it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import keras
import numpy as np

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.report import Report, name_rows
from keraslight.visualize.feature_maps import feature_maps

L = keras.layers
# a channel repeats a channel of the map before if the correlation is at least this
REPEATED = 0.9
# the layers that end a block
ENDS = (ReparamLayer, L.Activation, L.ReLU, L.Add)
MAX_PIXELS = 4096  # drawn at random, the same for both maps


@dataclass(frozen=True)
class PairSimilarity:
    """Two consecutive feature maps.

    Attributes:
        first: str, the name of the layer that computes the first.
        second: str, likewise.
        similarity: float between 0 and 1. For each channel of the second map, take the largest
            absolute correlation with a channel of the first; this is the mean over the channels.
            A constant channel counts as 0.
        repeated: float, the share of channels of the second map where that correlation is at least
            0.9.
    """

    first: str
    second: str
    similarity: float
    repeated: float


class FeatureSimilarity(Report):
    """How much each feature map of a model repeats the one before it.

    Attributes:
        pairs: list of `PairSimilarity`, in the order of the model.
    """

    formats: ClassVar = {"similarity": ".3f", "repeated": ".1%"}

    def __init__(self, pairs: list[PairSimilarity]):
        self.pairs = pairs

    def as_dicts(self) -> list[dict]:
        """Returns the pairs as dicts of plain values, ready for JSON or CSV."""
        return [asdict(pair) for pair in self.pairs]

    def _draw(self, ax) -> None:
        """Draws the mean similarity as bars and the share of repeated channels as dots."""
        positions = range(len(self.pairs))
        similarities = [pair.similarity for pair in self.pairs]
        ax.barh(positions, similarities, color="#3a86c8", label="mean of the largest correlations")
        ax.plot(
            [pair.repeated for pair in self.pairs],
            positions,
            "o",
            color="#e69f00",
            label=f"share of channels with a correlation of at least {REPEATED}",
        )
        ax.set_xlim(0, 1.02)
        name_rows(ax, [f"{pair.first} > {pair.second}" for pair in self.pairs])


def feature_similarity(
    model: keras.Model, image, layers: Sequence[str] | None = None
) -> FeatureSimilarity:
    """Measures how much each feature map repeats the one before it.

    Two consecutive maps are compared if they have the same height and width. If a block returns
    several maps, their channels are compared together.

    Args:
        model: a functional or Sequential Keras model with one input.
        image: array of shape `(height, width, channels)` as the model takes, or a batch of such.
        layers: optional names of the layers to compare. By default those that end a block:
            activations, additions and `ReparamLayer`s. If there are none, the convolutions.

    Returns:
        A `FeatureSimilarity`: print it, or call its methods `table`, `as_dicts` and `plot`.

    Raises:
        ValueError: if no two consecutive maps have the same size, or the model does not have the
            `layers`.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3))
    >>> found = keraslight.visualize.feature_similarity(model, np.random.rand(32, 32, 3))
    >>> bool(found.pairs[0].repeated >= 0.5)  # half of the channels are passed on as they are
    True

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022
        (https://arxiv.org/abs/2207.10318), whose half-identity block follows from it.
    """
    return FeatureSimilarity([_compare(*pair) for pair in consecutive_maps(model, image, layers)])


def consecutive_maps(
    model: keras.Model, image, layers: Sequence[str] | None = None
) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """Returns the pairs of consecutive feature maps that have the same size.

    Args:
        model: as of `feature_similarity`.
        image: likewise.
        layers: likewise.

    Returns:
        A list of the names of two layers and their maps, arrays of shape `(batch, height, width,
        channels)`.

    Raises:
        ValueError: if there are none, or the model does not have the `layers`.
    """
    model, maps = feature_maps(model)
    chosen = _ends_of_blocks(model, maps) if layers is None else layers
    unknown = set(chosen) - set(maps)
    if unknown:
        raise ValueError(
            f"`layers` must be of {list(maps)}. Received: layers with {sorted(unknown)}"
        )
    extractor = keras.Model(model.inputs[0], [maps[name] for name in chosen])
    batch = np.asarray(image, "float32")
    batch = batch if batch.ndim == 4 else batch[None]
    found = [_joined(output) for output in extractor(batch, training=False)]
    pairs = [
        (first, second, before, after)
        for first, second, before, after in zip(chosen, chosen[1:], found, found[1:], strict=False)
        if before.shape[:3] == after.shape[:3] and math.prod(before.shape[:3]) > 1
    ]
    if not pairs:
        raise ValueError(
            "No two feature maps of the same size, larger than one pixel, follow each other. "
            f"Received: layers {list(chosen)}"
        )
    return pairs


def _ends_of_blocks(model, maps):
    layers = [layer for layer in model.layers if layer.name in maps and _is_map(maps[layer.name])]
    ends = [layer for layer in layers if isinstance(layer, ENDS)]
    ends = ends or [layer for layer in layers if isinstance(layer, L.Conv2D | L.DepthwiseConv2D)]
    return [layer.name for layer in ends]


def _is_map(output):
    return all(len(x.shape) == 4 for x in keras.tree.flatten(output))


def _joined(maps):
    """Returns the maps of a layer as one array."""
    maps = [keras.ops.convert_to_numpy(x) for x in keras.tree.flatten(maps)]
    return np.concatenate(maps, axis=-1).astype("float64")


def _compare(first, second, before, after):
    best = np.abs(unit_columns(after).T @ unit_columns(before)).max(axis=1)
    return PairSimilarity(first, second, float(best.mean()), float((best >= REPEATED).mean()))


def unit_columns(maps: np.ndarray) -> np.ndarray:
    """Returns the channels of a map as columns of mean 0 and length 1, constant ones as zeros."""
    columns = maps.reshape(-1, maps.shape[-1])
    columns = columns[np.random.default_rng(0).permutation(len(columns))[:MAX_PIXELS]]
    columns = columns - columns.mean(axis=0)
    lengths = np.linalg.norm(columns, axis=0)
    return columns / np.where(lengths > 1e-9, lengths, np.inf)
