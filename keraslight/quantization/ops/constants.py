"""Operations whose outputs depend on the shape of the input alone."""

from keraslight.compat import operation_class
from keraslight.quantization.op import Op

__all__ = ["ConstantOp"]


class ConstantOp(Op):
    """`keras.ops.ones_like` and `keras.ops.zeros_like`: computed when the file is written."""

    classes = (operation_class("OnesLike"), operation_class("ZerosLike"))
    constant = True
