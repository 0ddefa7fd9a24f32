"""Convolutions with a constant kernel in int8, such as a blur or the filters of Sobel."""

import keras

from keraslight.compat import operation_classes, producer
from keraslight.graph.layer_calls import Weight
from keraslight.graph.weight_layers import LAYERS
from keraslight.quantization.op import NamedCall, Op, refusal_of_data_format
from keraslight.quantization.ops.conv1d import (
    Conv1DOp,
    DepthwiseConv1DOp,
    SeparableConv1DOp,
)
from keraslight.quantization.ops.conv2d import Conv2DOp
from keraslight.quantization.ops.depthwise_conv2d import DepthwiseConv2DOp
from keraslight.quantization.ops.separable_conv2d import SeparableConv2DOp

__all__ = ["ConstantKernelOp"]

OPS = (
    Conv1DOp,
    Conv2DOp,
    DepthwiseConv1DOp,
    DepthwiseConv2DOp,
    SeparableConv1DOp,
    SeparableConv2DOp,
)
OP_OF_LAYER = {op.classes[0]: op() for op in OPS}


class ConstantKernelOp(Op):
    """Convolutions of `keras.ops` with constant kernels: the layer with these weights, frozen."""

    classes = operation_classes("Conv", "DepthwiseConv", "SeparableConv")
    fuses_activation = True

    def refusal(self, call):
        if len(call.inputs) != 1 or call.inputs[0] is not call.args[0]:
            return "a convolution has one with a constant kernel"
        shape = call.inputs[0].shape
        if len(shape) > 4:
            return f"a convolution has one for sequences and images; shape={shape}"
        return refusal_of_data_format(call.operation)

    def rewrite(self, writer, call, x, *kernels, **kwargs):
        weights = [
            Weight(keras.ops.convert_to_numpy(kernel)) for kernel in (*kernels, *kwargs.values())
        ]
        source = keras.KerasTensor(x.tensor.shape)
        outputs = LAYERS[type(call.operation)](call.operation, call.name, source, *weights)
        layer = producer(outputs)
        layer.trainable = False
        written = NamedCall(layer, call.args[:1], {}, call.outputs, call.name)
        return OP_OF_LAYER[type(layer)].rewrite(writer, written, x)
