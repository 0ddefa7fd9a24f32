"""Layers that were made from a .tflite file."""

from keraslight.quantization.integer_layer import IntegerLayer
from keraslight.quantization.op import Op
from keraslight.quantization.runtimes import Reference

__all__ = ["IntegerLayerOp"]


class IntegerLayerOp(Op):
    """An `IntegerLayer`. Only quantized models have it, so there is nothing to rewrite."""

    def matches(self, call):
        return isinstance(call.operation, IntegerLayer)

    def is_known(self, call, runtime):
        return not isinstance(runtime, Reference) or call.operation.everywhere

    def integer(self, call, *args, **kwargs):
        return call.operation.integers(*args, **kwargs)
