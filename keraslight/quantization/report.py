"""Where a quantized model loses what the float model knows, layer by layer."""

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import keras
import numpy as np

from keraslight.graph.graph import trace
from keraslight.quantization.calibrate import inputs_of
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.float_run import in_float
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.quantized_model import QuantizedModel

COLUMNS = ("tensor", "SNR (dB)", "minimum", "maximum", "below (%)", "above (%)")


@dataclass
class TensorReport:
    """What rounding does to one tensor.

    Attributes:
        name: the layer that computes the tensor.
        snr: signal-to-noise ratio in dB against the same tensor of the float model, all rounding
            before it included.
        minimum, maximum: the range of the int8 tensor.
        below, above: the share of values cut off at either end.
    """

    name: str
    snr: float
    minimum: float
    maximum: float
    below: float
    above: float


class QuantizationReport:
    """Reports on all int8 tensors of a model.

    Attributes:
        tensors: list of `TensorReport`, in the order they are computed.
    """

    def __init__(self, tensors: list[TensorReport]):
        self.tensors = tensors

    @property
    def worst(self) -> list[TensorReport]:
        """The tensors, the one that lost most first."""
        return sorted(self.tensors, key=lambda tensor: tensor.snr)

    def as_dicts(self) -> list[dict]:
        """Returns the tensors as dicts, for a file."""
        return [asdict(tensor) for tensor in self.tensors]

    def table(self, rows: int | None = None) -> str:
        """Returns a Markdown table, worst tensors first.

        Args:
            rows: optional int, how many tensors.
        """
        lines = ["| " + " | ".join(COLUMNS) + " |", "| --- |" + " ---: |" * 5]
        lines += [
            f"| {t.name} | {t.snr:.1f} | {t.minimum:.4g} | {t.maximum:.4g} "
            f"| {t.below:.3%} | {t.above:.3%} |".replace("% |", " |")
            for t in self.worst[:rows]
        ]
        return "\n".join(lines)

    def __str__(self):
        return self.table()

    def plot(self, path: str | os.PathLike) -> None:
        """Draws signal-to-noise and cut-off shares along the model.

        Args:
            path: path of the picture, whose ending says its kind.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        from matplotlib import figure

        names = [tensor.name for tensor in self.tensors]
        height = max(3, 0.16 * len(names) + 1)
        canvas = figure.Figure(figsize=(9, height), layout="constrained")
        left, right = canvas.subplots(1, 2, sharey=True)
        left.barh(names, [tensor.snr for tensor in self.tensors], color="#4c78a8")
        left.set_xlabel("signal-to-noise ratio (dB)")
        for share, color in (("below", "#72b7b2"), ("above", "#e45756")):
            values = [100 * getattr(tensor, share) for tensor in self.tensors]
            right.barh(names, values, color=color, label=share, alpha=0.8)
        right.set_xlabel("values cut off (%)")
        right.legend()
        left.invert_yaxis()
        left.tick_params(axis="y", labelsize=6)
        canvas.savefig(path, dpi=120)


def quantization_report(
    float_model: keras.Model, model: QuantizedModel, batches: Iterable
) -> QuantizationReport:
    """Compares every int8 tensor of a quantized model with the float model's.

    Args:
        float_model: the fused model that `model` was made from. Its weights may differ, as they do
            after training.
        model: a calibrated model of `keraslight.quantize_model`.
        batches: iterable of inputs, or of tuples that begin with them; pictures that were not used
            for calibration.

    Returns:
        A `QuantizationReport`: print it, or call its methods `table` and `plot`.

    Raises:
        ValueError: if `model` is not calibrated, the models do not belong together, or there is no
            batch.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> fused = keraslight.fuse(model)
    >>> quantized = keraslight.quantize_model(fused)
    >>> batches = [np.random.rand(4, 8, 8, 3)]
    >>> quantized = keraslight.calibrate(quantized, batches, verbose=0)
    >>> report = keraslight.quantization_report(fused, quantized, batches)
    >>> bool(report.worst[0].snr > 20)
    True
    >>> report.plot("report.png")
    """
    model.require_calibration()
    graph = trace(model)
    weights = _weights_of(float_model, graph)
    producers = {
        id(tensor): call.name for call in graph.calls for tensor in keras.tree.flatten(call.outputs)
    }
    sums: dict[int, np.ndarray] = {}

    def visit(call, *args, **kwargs):
        operation = call.operation
        exact = in_float(
            operation, *_side(args, 0), weights=weights.get(operation), **_side(kwargs, 0)
        )
        rounded = operation(*_side(args, 1), **_side(kwargs, 1))
        if isinstance(operation, FakeQuantize):
            found = _power_and_noise(operation, exact[0], rounded[0])
            sums[id(call)] = sums.get(id(call), 0) + found
            return tuple(_Pair(*pair) for pair in zip(exact, rounded, strict=True))
        return _Pair(exact, rounded)

    batches = [inputs_of(batch) for batch in batches]
    if not batches:
        raise ValueError(f"A report needs at least one batch. Received: batches={batches!r}")
    for batch in batches:
        graph.run([_Pair(x, x) for x in batch], visit)
    return QuantizationReport(
        [
            _tensor_report(producers.get(id(call.inputs[0]), call.inputs[0].name), call, sums)
            for call in graph.calls
            if id(call) in sums
        ]
    )


@dataclass(frozen=True)
class _Pair:
    """A tensor of the float and of the quantized model."""

    exact: object
    rounded: object


def _side(tree, index):
    return keras.tree.map_structure(
        lambda leaf: (leaf.exact, leaf.rounded)[index] if isinstance(leaf, _Pair) else leaf, tree
    )


def _weights_of(float_model, graph):
    """Returns the float weights of every linear layer, by layer."""
    layers = {layer.name: layer for layer in float_model.layers}
    weights = {}
    for call in graph.calls:
        if isinstance(call.operation, QuantizedLinear):
            layer = layers.get(call.name)
            if layer is None or layer.kernel.shape != call.operation.kernel.shape:
                raise ValueError(
                    "The quantized model was not made from the float model: it has no layer "
                    f"'{call.name}' of that shape. Received: float_model={float_model!r}"
                )
            weights[call.operation] = layer
    return weights


def _power_and_noise(quantizer, exact, rounded):
    exact, rounded = (keras.ops.convert_to_numpy(x).astype("float64") for x in (exact, rounded))
    low, high = quantizer.range
    return np.array(
        [
            exact.size,
            exact.sum(),
            (exact**2).sum(),
            ((exact - rounded) ** 2).sum(),
            (exact < low).sum(),
            (exact > high).sum(),
        ]
    )


def _tensor_report(name, call, sums):
    count, total, squares, noise, below, above = sums[id(call)]
    power = squares - total**2 / count
    ratio = 10 * math.log10(power / noise) if noise > 0 < power else math.inf
    return TensorReport(name, ratio, *call.operation.range, below / count, above / count)
