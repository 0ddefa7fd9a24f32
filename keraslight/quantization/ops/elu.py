"""ELU in int8."""

import keras
import numpy as np

from keraslight.compat import operation_classes
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.written_op import Builtin

__all__ = ["EluOp"]


class EluOp(LookupOp):
    """ELU: ELU of TFLite, or a table with another `alpha` than 1."""

    classes = (keras.layers.ELU, *operation_classes("Elu"))
    functions = (keras.activations.elu,)

    def operator(self, call):
        value = self.value_at(call, -1)
        return Builtin("ELU") if np.isclose(value, np.expm1(-1)) else None
