"""Operations that move or select values: there is nothing to round."""

import keras
import numpy as np

from keraslight.compat import operation_class, operation_classes
from keraslight.quantization.integers import Int8
from keraslight.quantization.op import SelectingOp, refusal_of_data_format

__all__ = ["CenterCropOp", "FlipOp", "PadOp", "PlainSelectingOp", "SplitOp", "TakeOp", "UnstackOp"]

L = keras.layers
ops = keras.ops


class PlainSelectingOp(SelectingOp):
    """Layers and bare operations that move or select values, whatever their arguments are."""

    classes = (
        L.Cropping1D,
        L.Cropping2D,
        L.Dropout,
        L.Flatten,
        L.GlobalMaxPooling1D,
        L.GlobalMaxPooling2D,
        L.Identity,
        L.Permute,
        L.RepeatVector,
        L.Reshape,
        L.SpatialDropout1D,
        L.SpatialDropout2D,
        L.UpSampling1D,
        L.ZeroPadding1D,
        L.ZeroPadding2D,
        *operation_classes(
            "Amax",
            "Amin",
            "BroadcastTo",
            "ConvertToTensor",
            "Copy",
            "DepthToSpace",
            "ExpandDims",
            "GetItem",
            "Max",
            "Min",
            "Moveaxis",
            "Ravel",
            "Repeat",
            "Reshape",
            "Roll",
            "Slice",
            "SpaceToDepth",
            "Squeeze",
            "StopGradient",
            "Swapaxes",
            "Tile",
            "Transpose",
        ),
    )

    def refusal(self, call):
        if getattr(call.operation, "initial", None) is not None:
            return "the largest or smallest value has one without `initial`"
        return None


class CenterCropOp(SelectingOp):
    """CenterCrop of images that are as large as the result, or larger."""

    classes = (L.CenterCrop,)

    def refusal(self, call):
        layer, shape = call.operation, call.inputs[0].shape
        sides = shape[-3:-1]
        if None in sides or sides[0] < layer.height or sides[1] < layer.width:
            return f"CenterCrop has one for images larger than the result; shape={shape}"
        return refusal_of_data_format(layer)


class FlipOp(SelectingOp):
    """`keras.ops.flip`: written as a slice with a negative step, as LiteRT reverses floats only."""

    classes = (operation_class("Flip"),)

    def rewrite(self, writer, call, x, **kwargs):
        rank = len(x.tensor.shape)
        axes = call.operation.axis
        axes = range(rank) if axes is None else axes if isinstance(axes, list | tuple) else [axes]
        axes = {axis % rank for axis in axes}
        backward = tuple(slice(None, None, -1 if axis in axes else None) for axis in range(rank))
        return x.with_tensor(x.tensor[backward])


class SplitOp(SelectingOp):
    """`keras.ops.split`: a slice for each output if one of them is not used.

    The converter leaves such a split in float.
    """

    classes = (operation_class("Split"),)

    def rewrite(self, writer, call, x, **kwargs):
        if all(writer.graph.is_read(output) for output in call.outputs):
            return super().rewrite(writer, call, x, **kwargs)
        axis = call.operation.axis % len(x.tensor.shape)
        before = (slice(None),) * axis
        ends = np.cumsum([output.shape[axis] for output in call.outputs]).tolist()
        return [
            x.with_tensor(x.tensor[(*before, slice(start, end))])
            for start, end in zip([0, *ends], ends, strict=False)
        ]


class UnstackOp(SelectingOp):
    """`keras.ops.unstack`: written as one slice for each output, as LiteRT unpacks floats only."""

    classes = (operation_class("Unstack"),)

    def rewrite(self, writer, call, x, **kwargs):
        axis = call.operation.axis % len(x.tensor.shape)
        before = (slice(None),) * axis
        return [x.with_tensor(x.tensor[(*before, i)]) for i in range(len(call.outputs))]


class TakeOp(SelectingOp):
    """`keras.ops.take` with constant indices."""

    classes = (operation_class("Take"),)

    def refusal(self, call):
        if len(call.inputs) != 1 or call.inputs[0] is not call.args[0]:
            return "take has one with constant indices"
        if call.operation.axis is None:
            return "take has one along an axis; axis=None"
        return None

    def rewrite(self, writer, call, x, indices, **kwargs):
        # the converter would store those of 64 bits as such
        indices = ops.convert_to_numpy(indices).astype("int32")
        size = x.tensor.shape[call.operation.axis]
        if size is not None:
            indices = np.where(indices < 0, indices + size, indices).astype("int32")
        return super().rewrite(writer, call, x, indices, **kwargs)


class PadOp(SelectingOp):
    """`keras.ops.pad` with any number, or with mirrored values. The range contains the number."""

    classes = (operation_class("Pad"),)

    def refusal(self, call):
        value = _padding(call)
        if call.operation.mode == "constant" and (np.ndim(value) or not np.isfinite(value)):
            return f"keras.ops.pad has one with a finite number; constant_values={value}"
        return None

    def covers(self, call):
        value = float(_padding(call))
        return min(value, 0.0), max(value, 0.0)

    def rewrite(self, writer, call, x, *args, **kwargs):
        low, high = self.covers(call)
        fixed = None if x.quantizer is None else x.quantizer.fixed_range
        if fixed is not None and (low < fixed[0] or high > fixed[1]):
            raise ValueError(
                f"The layer '{call.name}' pads a tensor whose range is fixed in int8 with a number "
                f"outside of it. Keep it in float32: keep_float=['{call.name}']. "
                f"Received: constant_values={_padding(call)}, a range of {fixed}"
            )
        return super().rewrite(writer, call, x, *args, **kwargs)

    def integer(self, call, x, *args, **kwargs):
        if call.operation.mode != "constant":
            return super().integer(call, x, *args, **kwargs)
        steps = ops.round(np.float32(_padding(call)) / x.grid.scale)
        padded = call.operation(x.steps, constant_values=0)
        is_padding = 1 - call.operation(ops.ones_like(x.steps), constant_values=0)
        return Int8(padded + steps * is_padding, x.grid)


def _padding(call):
    """Returns the number that a call of `keras.ops.pad` pads with."""
    args = (*call.args[1:], call.kwargs.get("constant_values"), None)
    return 0.0 if args[0] is None else args[0]
