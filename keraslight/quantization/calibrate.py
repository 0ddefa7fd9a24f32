"""Sets the ranges of a quantized model from data."""

from collections.abc import Iterable

import keras
import numpy as np

from keraslight.graph.graph import trace
from keraslight.quantization.bias_correction import correct_biases
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.float_run import in_float
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.ranges import METHODS, Histogram, minmax

# bias correction keeps the tensors of all its pictures at hand
CORRECTION_IMAGES = 100


def calibrate(
    model: QuantizedModel,
    batches: Iterable,
    method: str = "mse",
    bias_correction: bool = True,
    verbose: int = 1,
) -> QuantizedModel:
    """Sets the ranges of a quantized model from data. This alone is post-training quantization.

    Args:
        model: what `keraslight.quantize_model` returned; it is changed in place.
        batches: iterable of inputs of the model, or of tuples that begin with them. 100 to 200
            pictures are enough; they are read once.
        method: `"mse"` gives outputs of activations and concatenations the range of the least
            squared error and all others that of the data; `"minmax"` gives all that of the data;
            `"percentile"` cuts off one value in 10,000 at each end.
        bias_correction: bool, whether to correct every bias so that the mean of each channel
            after the activation, over at most 100 of the pictures, is that of the float model. The
            correction is taken back if the outputs come no nearer to the float model's.
        verbose: 0 for silence, 1 for a progress bar.

    Returns:
        `model`.

    Raises:
        ValueError: if `model` is not quantized, there is no batch, `method` is unknown, or values
            are not finite; the ranges are then left as they were.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> batches = [np.random.rand(4, 8, 8, 3)]
    >>> quantized = keraslight.calibrate(quantized, batches, verbose=0)
    >>> quantized.is_calibrated
    True

    Reference:
        Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section
        4.2 and appendix D (https://arxiv.org/abs/1906.04721), for the correction.
    """
    if hasattr(model, "to_keras"):  # of engine="tfmot"
        model.take(calibrate(model.to_keras(), batches, method, bias_correction, verbose))
        return model
    if not isinstance(model, QuantizedModel):
        raise ValueError(
            "Only a model made by keraslight.quantize_model can be calibrated. "
            f"Received: model={model!r}"
        )
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {list(METHODS)}. Received: method={method!r}")
    batches = [inputs_of(batch) for batch in batches]
    if not batches:
        raise ValueError(f"Calibration needs at least one batch. Received: batches={batches!r}")
    graph = trace(model)
    steps = 2 * len(batches) + len(graph.calls) * bias_correction
    progress = keras.utils.Progbar(steps, verbose=verbose, unit_name="step")
    for quantizer, (low, high) in _find_ranges(graph, batches, METHODS[method], progress).items():
        quantizer.set_range(low, high)
    if bias_correction:
        correct_biases(graph, _first(batches, CORRECTION_IMAGES), progress)
    return model


def inputs_of(batch) -> list:
    """Returns the inputs in a batch, which may be a tuple that begins with them, as tensors.

    Floats become float32, which is what the model computes in.
    """
    inputs = keras.tree.flatten(batch[0] if isinstance(batch, tuple) else batch)
    return [_as_float32(keras.ops.convert_to_tensor(x)) for x in inputs]


def _as_float32(x):
    is_float = "float" in keras.backend.standardize_dtype(x.dtype)
    return keras.ops.cast(x, "float32") if is_float else x


def _first(batches, count):
    """Returns the first batches, of at least `count` examples together if there are so many."""
    total = 0
    for index, batch in enumerate(batches):
        total += batch[0].shape[0]
        if total >= count:
            return batches[: index + 1]
    return batches


def _find_ranges(graph, batches, method, progress):
    """Returns the range of every quantizer whose range is a matter of data."""
    histograms = {
        call.operation: Histogram()
        for call in graph.calls
        if isinstance(call.operation, FakeQuantize) and call.operation.fixed_range is None
    }

    def run(batch, collect):
        def visit(call, *args, **kwargs):
            if call.operation in histograms:
                collect(histograms[call.operation], keras.ops.convert_to_numpy(args[0]))
            return in_float(call.operation, *args, **kwargs)

        graph.run(batch, visit)
        progress.add(1)

    for batch in batches:
        run(batch, Histogram.observe)
    for quantizer, histogram in histograms.items():
        if not np.isfinite([histogram.minimum, histogram.maximum]).all():
            raise ValueError(
                "Calibration met values that are not finite, so no range was set: look for NaN in "
                f"the pictures and the weights. Received: {quantizer.name} with values from "
                f"{histogram.minimum} to {histogram.maximum}"
            )
    for batch in batches:
        run(batch, Histogram.count)
    return {
        quantizer: (method if quantizer.clips else minmax)(histogram)
        for quantizer, histogram in histograms.items()
    }
