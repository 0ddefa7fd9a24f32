"""Replaces learned kernels by similar fixed ones, the experiment that VGNetF is based on."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import ClassVar

import keras
import numpy as np

from keraslight.graph.copies import clone_with_weights
from keraslight.report import Report, markdown_table, name_rows
from keraslight.visualize.patterns import KINDS, can_match, match
from keraslight.visualize.spatial_kernels import find_depthwise_kernels


@dataclass(frozen=True)
class ReplacedLayer:
    """The kernels that were replaced in one layer.

    Attributes:
        layer: str, the name of the layer.
        kernels: int, the number of kernels.
        replaced: int, the number of kernels that were replaced.
        error: float, the norm of the change divided by the norm of all kernels of the layer.
    """

    layer: str
    kernels: int
    replaced: int
    error: float


class ReplacementReport(Report):
    """How many kernels `keraslight.replace_kernels` replaced in each layer.

    Attributes:
        layers: list of `ReplacedLayer`, the layers with learned kernels.
        accuracy_before: float, the accuracy of the model on the given data; `None` without data.
        accuracy_after: float, the accuracy of the new model; `None` without data.
    """

    formats: ClassVar = {"replaced": ".1%", "change": ".1%"}

    def __init__(
        self,
        layers: list[ReplacedLayer],
        accuracy_before: float | None = None,
        accuracy_after: float | None = None,
    ):
        self.layers = layers
        self.accuracy_before = accuracy_before
        self.accuracy_after = accuracy_after

    @property
    def share(self) -> float:
        """The share of all learned kernels that were replaced, between 0 and 1."""
        return sum(x.replaced for x in self.layers) / sum(x.kernels for x in self.layers)

    def as_dicts(self) -> list[dict]:
        """Returns the layers as dicts of plain values, ready for JSON or CSV."""
        return [asdict(layer) for layer in self.layers]

    def table(self, rows: int | None = None) -> str:
        """Returns a Markdown table, and under it the accuracies if they were measured.

        Args:
            rows: optional int, the largest number of layers. All layers by default. The last row
                counts all layers of the model.
        """
        shown = [
            _row(layer.layer, layer.kernels, layer.replaced / layer.kernels, layer.error)
            for layer in self.layers[:rows]
        ]
        kernels = sum(layer.kernels for layer in self.layers)
        text = markdown_table([*shown, _row("all", kernels, self.share, None)], self.formats)
        if self.accuracy_before is None:
            return text
        accuracies = f"{self.accuracy_before:.2%} before, {self.accuracy_after:.2%} after"
        return f"{text}\n\nAccuracy: {accuracies}"

    def _draw(self, ax) -> None:
        """Draws the share of replaced kernels of each layer as a bar."""
        shares = [100 * layer.replaced / layer.kernels for layer in self.layers]
        ax.barh(range(len(shares)), shares, color="#3a86c8")
        ax.set_xlim(0, 100)
        ax.set_xlabel("kernels replaced (%)")
        name_rows(ax, [layer.layer for layer in self.layers])


def _row(name, kernels, share, change):
    return {"layer": name, "kernels": kernels, "replaced": share, "change": change}


def replace_kernels(
    model: keras.Model,
    rule: float | Callable = 0.9,
    kinds: tuple[str, ...] = KINDS,
    data: Iterable | None = None,
) -> tuple[keras.Model, ReplacementReport]:
    """Replaces learned depthwise kernels by the fixed kernels that they resemble.

    A kernel is replaced by a multiple of its nearest fixed kernel. The factor is chosen so that the
    change is as small as possible; no other layer has to change.

    Args:
        model: a Keras model with depthwise convolutions. It is not changed.
        rule: float, the smallest cosine similarity to a fixed kernel at which a kernel is replaced;
            or a callable that takes the name of a layer and its kernels, an array of shape
            `(height, width, kernels)`, and returns an array of that shape.
        kinds: tuple of the kinds of fixed kernels to use, those of
            `keraslight.visualize.kernel_census`: `"identity"`, `"gaussian"`, `"edge"`.
        data: optional iterable of `(images, labels)` to measure the accuracy on, before and after.
            It is read twice. Labels are class numbers or one-hot.

    Returns:
        The new model, and a `ReplacementReport`: print it, or call its methods `table`, `as_dicts`
        and `plot`.

    Raises:
        ValueError: if the model has no learned depthwise kernels, if it has a depthwise sum of
            branches, such as RepSO, whose kernel exists only after fusing, or if an argument is
            invalid.

    Example:
    >>> model = keraslight.VGNetC("1.0mp", input_shape=(32, 32, 3))
    >>> replaced, report = keraslight.replace_kernels(model, 0.8)
    >>> 0 < report.share < 0.2  # chance alone, as the model was not trained
    True

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022
        (https://arxiv.org/abs/2207.10318).
    """
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"`kinds` must be some of {KINDS}. Received: kinds={kinds!r}")
    replaced = clone_with_weights(model, None)
    learned = [kernels for kernels in find_depthwise_kernels(replaced) if kernels.is_learned]
    if not learned:
        raise ValueError(
            f"All depthwise kernels of the model are fixed already. Received: model={model!r}"
        )
    layers = []
    for kernels in learned:
        if kernels.variable is None:
            raise ValueError(
                "The kernels of this layer are sums of branches; fuse the model first: "
                "keraslight.replace_kernels(keraslight.fuse(model)). "
                f"Received: a model with the layer {kernels.layer}"
            )
        old = kernels.values
        new = np.asarray(rule(kernels.layer, old)) if callable(rule) else _nearest(old, rule, kinds)
        if new.shape != old.shape:
            raise ValueError(
                f"`rule` must return kernels of the shape it got, {old.shape} for the layer "
                f"{kernels.layer}. Received: shape {new.shape}"
            )
        if not np.isfinite(new).all():
            raise ValueError(
                "`rule` must return finite kernels. "
                f"Received: NaN or infinite values for the layer {kernels.layer}"
            )
        changed = (new != old).any(axis=(0, 1))
        kernels.variable.assign(new.reshape(kernels.variable.shape))
        error = np.linalg.norm(new - old) / max(np.linalg.norm(old), 1e-30)
        layers.append(ReplacedLayer(kernels.layer, len(changed), int(changed.sum()), float(error)))
    accuracies = () if data is None else (accuracy(model, data), accuracy(replaced, data))
    return replaced, ReplacementReport(layers, *accuracies)


def _nearest(kernels, threshold, kinds):
    if not can_match(kernels):
        return kernels
    matched = match(kernels, threshold)
    near = np.isin(matched.kinds, kinds)
    return np.where(near, matched.projections, kernels).astype(kernels.dtype)


def accuracy(model: keras.Model, data: Iterable) -> float:
    """Returns the share of images whose largest output is that of their label.

    Args:
        model: a classifier.
        data: iterable of `(images, labels)`.

    Raises:
        ValueError: if there is no data.
    """
    right = total = 0
    for images, labels, *_ in data:
        labels = keras.ops.convert_to_numpy(labels)
        if labels.ndim == 2 and labels.shape[1] > 1:
            labels = labels.argmax(axis=-1)
        outputs = keras.ops.convert_to_numpy(model(images, training=False))
        right += (outputs.argmax(axis=-1) == labels.ravel()).sum()
        total += len(labels)
    if total == 0:
        raise ValueError(f"`data` must hold batches, each time it is read. Received: data={data!r}")
    return float(right / total)
