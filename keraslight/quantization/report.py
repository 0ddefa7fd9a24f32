"""Compares a quantized model with the float model, tensor by tensor."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import keras

from keraslight.graph.graph import trace
from keraslight.quantization.batches import inputs_of
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.faults import Places, Sums, fault_of
from keraslight.quantization.float_run import Pair, PairedRun, in_float
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
    "cause": "",
    "remedy": "",
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
        cause: what spoils this tensor, beside the noise of the tensors before; empty if nothing
            does.
        remedy: what helps against it, empty if nothing is to do.
    """

    name: str
    snr: float
    minimum: float
    maximum: float
    below: float
    above: float
    cause: str = ""
    remedy: str = ""


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

    @property
    def faults(self) -> list[TensorReport]:
        """The tensors that have a remedy, in the order of the model. Begin with the first."""
        return [tensor for tensor in self.tensors if tensor.remedy]

    def as_dicts(self) -> list[dict]:
        """Returns the tensors as dicts of plain values, in the order of the model."""
        return [asdict(tensor) for tensor in self.tensors]

    def table(self, rows: int | None = None) -> str:
        """Returns the report as a Markdown table that begins with the worst tensor.

        Args:
            rows: optional int, the largest number of rows. All rows by default.
        """
        cells = [
            (
                t.name,
                t.snr,
                t.minimum,
                t.maximum,
                100 * t.below,
                100 * t.above,
                t.cause,
                t.remedy,
            )
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

    It also says which tensors spoil the result by themselves, why, and what helps: to equalize the
    model, to calibrate otherwise or to keep a layer in float32. The first of `faults` is the one to
    begin with, as its noise is in all tensors after it.

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
    >>> report.faults
    []
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
    sums: dict[int, Sums] = {}

    def visit(call, *args, **kwargs):
        outputs = run.visit(call, *args, **kwargs)
        if _is_measured(call):
            found = Sums.of(outputs[0].exact[0], outputs[0].rounded[0], call.operation)
            sums[id(call)] = found.plus(sums.get(id(call)))
        elif isinstance(call.operation, QuantizedLinear):
            found = _sums_of_weights(call.operation, *args[0])
            sums[id(call)] = found.plus(sums.get(id(call)))
        return outputs

    batches = [inputs_of(batch, model) for batch in batches]
    if not batches:
        raise ValueError(f"A report needs at least one batch. Received: batches={batches!r}")
    for batch in batches:
        graph.run([Pair([x], [x]) for x in batch], visit)
    places = Places(graph, trace(float_model))
    return QuantizationReport(
        [
            _tensor_report(
                producers.get(id(call.inputs[0]), call.inputs[0].name),
                call.operation,
                sums[id(call)],
                sums.get(id(places.layer_of(call))),
                places.can_equalize(call),
            )
            for call in graph.calls
            if _is_measured(call)
        ]
    )


def _is_measured(call):
    """Tells whether a call rounds a tensor to report on."""
    quantizer = call.operation
    return isinstance(quantizer, FakeQuantize) and quantizer.measures(
        call.kwargs.get("follows", True)
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


def _sums_of_weights(layer, inputs, limits):
    exact, input_range = inputs.exact[0], limits.rounded[0]
    pair = [exact, input_range]
    return Sums.of_weights(in_float(layer, pair), layer(pair))


def _tensor_report(name, quantizer, sums, of_weights, can_equalize):
    noise = sums.noise.sum()
    ratio = 10 * math.log10(sums.power / noise) if sums.power > 0 and noise > 0 else math.inf
    count = sums.count.sum()
    below, above = float(sums.below.sum() / count), float(sums.above.sum() / count)
    fault = fault_of(sums, of_weights, can_equalize, quantizer.clips)
    return TensorReport(name, ratio, *quantizer.range, below, above, fault.cause, fault.remedy)
