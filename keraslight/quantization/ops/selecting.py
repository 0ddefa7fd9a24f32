"""Operations that move or select values: there is nothing to round."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.op import SelectingOp

__all__ = ["PadOp", "PlainSelectingOp", "UpSampling2DOp"]

L = keras.layers


class PlainSelectingOp(SelectingOp):
    """Layers and bare operations that select values whatever their arguments are."""

    classes = (
        L.Cropping2D,
        L.Dropout,
        L.Flatten,
        L.GlobalMaxPooling2D,
        L.Identity,
        L.Permute,
        L.Reshape,
        L.ZeroPadding2D,
        operation_class("ConvertToTensor"),
        operation_class("GetItem"),
        operation_class("Repeat"),
        operation_class("Reshape"),
        operation_class("Split"),
        operation_class("Squeeze"),
        operation_class("Swapaxes"),
        operation_class("Transpose"),
    )


class PadOp(SelectingOp):
    """`keras.ops.pad` with zeros."""

    classes = (operation_class("Pad"),)

    def refusal(self, call):
        value = call.kwargs.get("constant_values", call.args[1] if len(call.args) > 1 else None)
        if call.operation.mode != "constant" or value not in (None, 0):
            return (
                "keras.ops.pad has one with zeros only; "
                f"mode='{call.operation.mode}', constant_values={value}"
            )
        return None


class UpSampling2DOp(SelectingOp):
    """UpSampling2D that repeats pixels."""

    classes = (L.UpSampling2D,)

    def rare_operator(self, call):
        return "TILE"

    def refusal(self, call):
        if call.operation.interpolation != "nearest":
            return (
                "UpSampling2D has one with interpolation='nearest' only; "
                f"interpolation='{call.operation.interpolation}'"
            )
        return None
