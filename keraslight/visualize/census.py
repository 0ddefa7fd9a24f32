"""Counts the kernels that are near a fixed kernel."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np

from keraslight.report import Report, markdown_table, name_rows
from keraslight.visualize.patterns import KINDS, NONE, ZERO, can_match, match
from keraslight.visualize.spatial_kernels import find_kernels

ALL_KINDS = (*KINDS, NONE, ZERO)
COLORS = dict(zip(ALL_KINDS, ("#3a86c8", "#e69f00", "#2a9d6f", "#a0a0a0", "#606060"), strict=True))


@dataclass(frozen=True)
class LayerCensus:
    """The kernels of one layer.

    Attributes:
        layer: str, the name of the layer.
        size: int, height and width of the kernels.
        learned: bool, whether the kernels are learned, not computed. Those of a frozen layer are
            learned too.
        kinds: dict from kinds to the number of kernels.
        patterns: dict from the names of fixed kernels to the number of kernels near them.
        connection: str, `"depthwise"`, `"grouped"` or `"dense"`.
        strides: int.
    """

    layer: str
    size: int
    learned: bool
    kinds: dict[str, int]
    patterns: dict[str, int]
    connection: str = "depthwise"
    strides: int = 1

    @property
    def kernels(self) -> int:
        """The number of kernels."""
        return sum(self.kinds.values())

    def share(self, kind: str) -> float:
        """Returns the share of kernels of one kind, between 0 and 1."""
        return self.kinds[kind] / self.kernels


class KernelCensus(Report):
    """The kernels of a model, counted by layer and kind.

    Attributes:
        model: str, the name of the model.
        threshold: float, the smallest cosine similarity that counts as near.
        layers: list of `LayerCensus`, in the order of the model.
    """

    formats: ClassVar = dict.fromkeys((f"{kind} (%)" for kind in ALL_KINDS), ".1f")

    def __init__(self, model: str, threshold: float, layers: list[LayerCensus]):
        self.model = model
        self.threshold = threshold
        self.layers = layers

    def share(self, kind: str, learned_only: bool = False, strided: bool | None = None) -> float:
        """Returns the share of all kernels that are of one kind, between 0 and 1.

        Args:
            kind: str, one of `"identity"`, `"gaussian"`, `"edge"`, `"none"` and `"zero"`.
            learned_only: bool, whether to count only layers whose kernels are learned.
            strided: optional bool, whether to count only layers that reduce the resolution
                (`True`), or only those that do not (`False`).
        """
        if kind not in ALL_KINDS:
            raise ValueError(f"`kind` must be one of {ALL_KINDS}. Received: kind={kind!r}")
        layers = [
            layer
            for layer in self.layers
            if (layer.learned or not learned_only) and strided in (None, layer.strides > 1)
        ]
        total = sum(layer.kernels for layer in layers)
        return sum(layer.kinds[kind] for layer in layers) / total if total else 0.0

    def as_dicts(self) -> list[dict]:
        """Returns the layers as dicts of plain values, ready for JSON or CSV."""
        return [
            {
                "layer": layer.layer,
                "size": layer.size,
                "connection": layer.connection,
                "strides": layer.strides,
                "learned": layer.learned,
                "kernels": layer.kernels,
                **layer.kinds,
                "patterns": layer.patterns,
            }
            for layer in self.layers
        ]

    def table(self, rows: int | None = None) -> str:
        """Returns a Markdown table: the percentage of kernels of each kind, layer by layer.

        Args:
            rows: optional int, the largest number of layers. All layers by default. The last row
                counts all layers of the model.
        """
        shown = [
            _row(layer.layer, layer.kernels, layer.size, layer.learned, layer.share)
            for layer in self.layers[:rows]
        ]
        total = sum(layer.kernels for layer in self.layers)
        return markdown_table([*shown, _row("all", total, None, None, self.share)], self.formats)

    def _draw(self, ax) -> None:
        """Draws the shares of each layer as one stacked bar."""
        start = np.zeros(len(self.layers))
        for kind in ALL_KINDS:
            shares = np.array([100 * layer.share(kind) for layer in self.layers])
            ax.barh(range(len(shares)), shares, 0.8, start, color=COLORS[kind], label=kind)
            start += shares
        ax.set_xlim(0, 100)
        ax.set_xlabel(f"kernels (%), cosine similarity of at least {self.threshold:g}")
        name_rows(ax, [layer.layer for layer in self.layers])


def _row(name, kernels, size, learned, share):
    return {
        "layer": name,
        "kernels": kernels,
        "size": size and f"{size}x{size}",
        "learned": None if learned is None else "yes" if learned else "no",
        **{f"{kind} (%)": 100 * share(kind) for kind in ALL_KINDS},
    }


def kernel_census(
    model: keras.Model, threshold: float = 0.9, connections: Sequence[str] = ("depthwise",)
) -> KernelCensus:
    """Counts the kernels of a model that are near a fixed kernel.

    The fixed kernels are the identity, Gaussians of several widths, and edge detectors (Sobel in
    four directions, Laplace), each in the size of the kernel. A kernel is near a fixed kernel if
    the absolute cosine similarity of the two is at least `threshold`. If it is near several, the
    nearest counts. Of 3x3 kernels of random numbers, 0.4 % are near one by chance at a threshold of
    0.9, and 4 % at 0.8: compare with an untrained model. Kernels that are not square are left out.
    A kernel is `"zero"` if its norm is less than a thousandth of the largest norm in its layer, as
    weight decay may leave it.

    Args:
        model: any Keras model with convolutions larger than 1x1, fused or not.
        threshold: float, the smallest cosine similarity that counts as near.
        connections: the convolutions to look at: some of `"depthwise"`, `"grouped"`, `"dense"`.
            Of grouped and dense ones each slice from an input to an output channel is a kernel.

    Returns:
        A `KernelCensus`: print it, or call its methods `table`, `as_dicts` and `plot`.

    Raises:
        ValueError: if the model has no square kernels of these, or `threshold` is not between 0 and
            1.

    Example:
    >>> model = keraslight.VGNetF("1.0mp", kernels="edge", input_shape=(32, 32, 3))
    >>> census = keraslight.visualize.kernel_census(model)
    >>> round(census.share("edge"), 2), round(census.share("gaussian"), 2)
    (0.85, 0.15)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022
        (https://arxiv.org/abs/2207.10318), which drew its guidelines from looking at such kernels.
    """
    layers = []
    for found in find_kernels(model, connections):
        if not can_match(found.values):
            continue
        matched = match(found.values, threshold)
        counts = Counter(matched.kinds)
        near = [n for n, kind in zip(matched.names, matched.kinds, strict=True) if kind in KINDS]
        layers.append(
            LayerCensus(
                found.layer,
                found.values.shape[0],
                found.is_learned,
                {kind: counts[kind] for kind in ALL_KINDS},
                dict(Counter(near).most_common()),
                found.connection,
                found.strides,
            )
        )
    if not layers:
        raise ValueError(
            f"The model has no square kernels of odd size, {' or '.join(connections)}. "
            f"Received: model={model!r}"
        )
    return KernelCensus(model.name, threshold, layers)
