"""Runs the operations of a quantized model without any rounding."""

import keras

from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import QuantizedLinear


def in_float(operation: keras.Operation, *args, weights: keras.Layer | None = None, **kwargs):
    """Calls an operation of a quantized model as the float model would.

    Args:
        operation: the operation.
        *args: its arguments.
        weights: the layer whose weights count, if not the operation's own.
        **kwargs: its keyword arguments.
    """
    if isinstance(operation, FakeQuantize):
        return args[0], None
    if not isinstance(operation, QuantizedLinear):
        return operation(*args, **kwargs)
    weights = weights or operation
    outputs = operation.linear(args[0][0], weights.kernel)
    return outputs + weights.bias if weights.use_bias else outputs
