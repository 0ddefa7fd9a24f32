"""Sets the ranges of a quantized model from data."""

from collections.abc import Iterable

import keras
import numpy as np

from keraslight.graph.graph import trace
from keraslight.quantization.adaround import round_adaptively
from keraslight.quantization.batches import inputs_of
from keraslight.quantization.bias_correction import correct_biases
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.float_run import float_weights, in_float
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.ranges import METHODS, Histogram, minmax

ROUNDINGS = ("nearest", "adaround")
# AdaRound and bias correction keep the tensors of all their pictures in memory
CORRECTION_IMAGES = 100


def calibrate(
    model: QuantizedModel,
    batches: Iterable,
    method: str = "mse",
    bias_correction: bool = True,
    rounding: str = "nearest",
    verbose: int = 1,
) -> QuantizedModel:
    """Sets the ranges of a quantized model in place and returns the same model.

    This alone is post-training quantization: the model can be exported afterwards.

    Args:
        model: a model of `keraslight.quantize_model`. Its ranges are set in place, and its biases
            too with `bias_correction`.
        batches: iterable of inputs of the model, or of tuples that begin with them. 100 to 200
            pictures are enough. They are read once.
        method: how a range is chosen. `"mse"` takes the range with the least squared error for
            outputs of activations and concatenations, and the whole range for all others;
            `"minmax"` takes the whole range for all; `"percentile"` clips one value in 10,000 at
            each end.
        bias_correction: bool, whether to correct every bias so that the mean of each channel after
            the activation is that of the float model, over at most 100 of the pictures. The
            correction is undone if it does not bring the outputs nearer to the float model's.
        rounding: how weights are rounded. `"nearest"` takes the nearest multiple of the step;
            `"adaround"` takes the one above or below, whichever lowers the error of the layer's
            outputs, over at most 100 of the pictures. It writes the rounded weights into the
            model. It is undone if its outputs are not nearer to the float model's.
        verbose: 0 for silence, 1 for a progress bar.

    Returns:
        `model` itself, not a copy.

    Raises:
        ValueError: if `model` is not quantized, there is no batch, a batch does not fit the inputs
            of the model, `method` or `rounding` is unknown, or values are not finite. The ranges
            are not changed then.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> batches = [np.random.rand(4, 8, 8, 3)]
    >>> keraslight.calibrate(quantized, batches, verbose=0) is quantized
    True
    >>> quantized.is_calibrated
    True

    Reference:
        Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section
        4.2 and appendix D (https://arxiv.org/abs/1906.04721), for the correction. Up or Down?
        Adaptive Rounding for Post-Training Quantization, ICML 2020
        (https://arxiv.org/abs/2004.10568), for AdaRound.
    """
    if not isinstance(model, QuantizedModel):
        raise ValueError(
            "Only a model made by keraslight.quantize_model can be calibrated. "
            f"Received: model={model!r}"
        )
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {list(METHODS)}. Received: method={method!r}")
    if rounding not in ROUNDINGS:
        raise ValueError(f"`rounding` must be one of {ROUNDINGS}. Received: rounding={rounding!r}")
    batches = [inputs_of(batch, model) for batch in batches]
    if not batches:
        raise ValueError(f"Calibration needs at least one batch. Received: batches={batches!r}")
    graph = trace(model)
    walks = bias_correction + (rounding == "adaround") * (1 + bias_correction)
    steps = 2 * len(batches) + len(graph.calls) * walks
    progress = keras.utils.Progbar(steps, verbose=verbose, unit_name="step")
    for quantizer, (low, high) in _find_ranges(graph, batches, METHODS[method], progress).items():
        quantizer.set_range(low, high)
    if walks:
        given = (graph, _first(batches, CORRECTION_IMAGES), float_weights(graph), progress)
        _change_weights(*given, bias_correction, rounding)
    return model


def _change_weights(graph, batches, weights, progress, bias_correction, rounding):
    """Corrects biases and rounds weights; of two ways of rounding, the better one is kept."""
    given = (graph, batches, weights, progress)
    error = correct_biases(*given) if bias_correction else np.inf
    if rounding == "nearest":
        return
    nearest = {layer: layer.get_weights() for layer in weights}
    for layer, values in weights.items():
        layer.set_weights([value for value in values if value is not None])
    error_rounded = round_adaptively(*given)
    if bias_correction:
        error_rounded = correct_biases(*given)
    if not error_rounded < error:
        for layer, values in nearest.items():
            layer.set_weights(values)


def _first(batches, count):
    """Returns the first batches, with at least `count` examples if there are as many."""
    total = 0
    for index, batch in enumerate(batches):
        total += batch[0].shape[0]
        if total >= count:
            return batches[: index + 1]
    return batches


def _find_ranges(graph, batches, method, progress):
    """Returns the range of every quantizer whose range depends on data."""
    histograms = {
        call.operation: Histogram()
        for call in graph.calls
        if isinstance(call.operation, FakeQuantize) and call.operation.fixed_range is None
    }

    def run(batch, collect):
        def visit(call, *args, **kwargs):
            if call.operation in histograms and call.operation.measures(
                call.kwargs.get("follows", True)
            ):
                # a histogram of half precision would overflow
                values = keras.ops.convert_to_numpy(args[0]).astype("float32")
                collect(histograms[call.operation], values)
            return in_float(call.operation, *args, **kwargs)

        graph.run(batch, visit)
        progress.add(1)

    for batch in batches:
        run(batch, Histogram.observe)
    for quantizer, histogram in histograms.items():
        if not np.isfinite([histogram.minimum, histogram.maximum]).all():
            raise ValueError(
                "Calibration met values that are not finite, so it set no range. Look for NaN and "
                f"infinity in the pictures and the weights. Received: {quantizer.name} with NaN or "
                "infinite values"
            )
    for batch in batches:
        run(batch, Histogram.count)
    return {
        quantizer: (method if quantizer.clips else minmax)(histogram)
        for quantizer, histogram in histograms.items()
    }
