"""Compares a quantized model with the float model, tensor by tensor."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import keras
import numpy as np

from keraslight.graph.graph import trace
from keraslight.quantization.batches import inputs_of
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.float_run import Pair, PairedRun
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.ops import op_of
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.report import Report, markdown_table, name_rows

# columns of the table, with their formats
COLUMNS = {
    "tensor": "",
    "SNR (dB)": ".1f",
    "minimum": ".4g",
    "maximum": ".4g",
    "below (%)": ".3f",
    "above (%)": ".3f",
}


@dataclass
class TensorReport:
    """What rounding does to one tensor.

    Attributes:
        name: the layer that computes the tensor.
        snr: signal-to-noise ratio in dB against the same tensor of the float model, with all
            rounding before it.
        minimum, maximum: the range of the int8 tensor.
        below, above: the share of the values that are clipped at either end.
    """

    name: str
    snr: float
    minimum: float
    maximum: float
    below: float
    above: float


class QuantizationReport(Report):
    """A report on all int8 tensors of a model.

    Attributes:
        tensors: list of `TensorReport`, in the order in which the model computes them.
    """

    def __init__(self, tensors: list[TensorReport]):
        self.tensors = tensors

    @property
    def worst(self) -> list[TensorReport]:
        """The tensors, sorted from the lowest to the highest signal-to-noise ratio."""
        return sorted(self.tensors, key=lambda tensor: tensor.snr)

    def as_dicts(self) -> list[dict]:
        """Returns the tensors as dicts of plain values, in the order of the model."""
        return [asdict(tensor) for tensor in self.tensors]

    def table(self, rows: int | None = None) -> str:
        """Returns the report as a Markdown table that begins with the worst tensor.

        Args:
            rows: optional int, the largest number of rows. All rows by default.
        """
        cells = [
            (t.name, t.snr, t.minimum, t.maximum, 100 * t.below, 100 * t.above)
            for t in self.worst[:rows]
        ]
        return markdown_table([dict(zip(COLUMNS, row, strict=True)) for row in cells], COLUMNS)

    def _draw(self, ax):
        rows = range(len(self.tensors))
        finite = [tensor.snr if math.isfinite(tensor.snr) else 0 for tensor in self.tensors]
        ax.barh(rows, finite, color="#4c78a8", label="signal-to-noise ratio")
        ax.set_xlabel("signal-to-noise ratio (dB)")
        name_rows(ax, [tensor.name for tensor in self.tensors])
        top = ax.twiny()
        clipped = [100 * (tensor.below + tensor.above) for tensor in self.tensors]
        top.plot(clipped, rows, "o", color="#e45756", label="clipped values")
        top.set_xlabel("clipped values (%)")


def quantization_report(
    float_model: keras.Model, model: QuantizedModel, batches: Iterable
) -> QuantizationReport:
    """Compares every int8 tensor of a quantized model with the same tensor of the float model.

    Args:
        float_model: the fused model that `model` was made from. Its weights may differ, as they do
            after training.
        model: a calibrated model of `keraslight.quantize_model`.
        batches: iterable of inputs, or of tuples that begin with them. Take pictures that were not
            used for calibration.

    Returns:
        A `QuantizationReport`: print it, or call its methods `table`, `plot` and `as_dicts`.

    Raises:
        ValueError: if `model` is not calibrated, was not made from `float_model`, or there is no
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
    >>> report.plot().figure.savefig("report.png")
    """
    if not isinstance(model, QuantizedModel):
        raise ValueError(
            "Only a model made by keraslight.quantize_model has int8 tensors to report on. "
            f"Received: model={model!r}"
        )
    model.require_calibration()
    graph = trace(model)
    run = PairedRun(_float_weights(float_model, graph))
    producers = {
        id(tensor): call.name for call in graph.calls for tensor in keras.tree.flatten(call.outputs)
    }
    sums: dict[int, np.ndarray] = {}

    def visit(call, *args, **kwargs):
        outputs = run.visit(call, *args, **kwargs)
        if isinstance(call.operation, FakeQuantize):
            found = _power_and_noise(call.operation, outputs[0])
            sums[id(call)] = sums.get(id(call), 0) + found
        return outputs

    batches = [inputs_of(batch, model) for batch in batches]
    if not batches:
        raise ValueError(f"A report needs at least one batch. Received: batches={batches!r}")
    for batch in batches:
        graph.run([Pair([x], [x]) for x in batch], visit)
    return QuantizationReport(
        [
            _tensor_report(producers.get(id(call.inputs[0]), call.inputs[0].name), call, sums)
            for call in graph.calls
            if id(call) in sums
        ]
    )


def _float_weights(float_model, graph):
    """Returns the float kernel and bias of every linear layer of the quantized model, by layer."""
    by_name, names = {}, set()
    for call in trace(float_model, custom_layers=True, composites=True).calls:
        names.add(call.name)
        op = op_of(call)
        if op is not None:
            by_name.update(op.float_weights(call.operation))
    weights = {}
    for call in graph.calls:
        layer = call.operation
        if isinstance(layer, QuantizedLinear):
            kernel, bias = by_name.get(call.name, (None, None))
            if kernel is None and (call.name in names or not layer.trainable):
                continue  # made from something else than a kernel, such as a normalization
            if kernel is None or kernel.shape != layer.kernel.shape:
                raise ValueError(
                    "The quantized model was not made from the float model, which has no layer "
                    f"'{call.name}' of that shape. Received: float_model={float_model!r}"
                )
            weights[layer] = kernel, bias
    return weights


def _power_and_noise(quantizer, pair):
    exact, rounded = (
        keras.ops.convert_to_numpy(values[0]).astype("float64")
        for values in (pair.exact, pair.rounded)
    )
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
    ratio = math.inf
    if power > 0 and noise > 0:
        ratio = 10 * math.log10(power / noise)
    return TensorReport(name, ratio, *call.operation.range, below / count, above / count)
