"""Patches of images, as vision transformers take them."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.op import SelectingOp, refusal_of_data_format

__all__ = ["ExtractPatchesOp"]

ops = keras.ops


class ExtractPatchesOp(SelectingOp):
    """`keras.ops.image.extract_patches` of patches side by side.

    Keras computes a convolution whose kernel is an identity matrix. It is written as what it does:
    two reshapes and a transpose.
    """

    classes = (operation_class("ExtractPatches"),)

    def refusal(self, call):
        operation, shape = call.operation, call.inputs[0].shape
        size, strides = tuple(operation.size), _pair(operation.strides)
        if len(shape) != 4 or len(size) != 2 or None in shape[1:]:
            return f"extract_patches has one for images of known sides; shape={shape}"
        if strides != size or _pair(operation.dilation_rate) != (1, 1):
            return f"extract_patches has one for patches side by side; strides={strides}"
        if operation.padding == "same" and (shape[1] % size[0] or shape[2] % size[1]):
            return f"extract_patches has one without padding; size={size}, shape={shape}"
        return refusal_of_data_format(operation)

    def rewrite(self, writer, call, x, **kwargs):
        tensor, (height, width) = x.tensor, call.operation.size
        _, rows, columns, _ = call.outputs.shape
        tensor = tensor[:, : rows * height, : columns * width]
        channels = tensor.shape[-1]
        # the last axis holds the columns of a patch and their channels, which stay together
        tensor = ops.reshape(tensor, (-1, rows, height, columns, width * channels))
        tensor = ops.transpose(tensor, (0, 1, 3, 2, 4))
        return x.with_tensor(ops.reshape(tensor, (-1, rows, columns, height * width * channels)))


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)
