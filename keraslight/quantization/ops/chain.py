"""The base class of operations between two or more tensors."""

import keras
import numpy as np

from keraslight.quantization.op import Op
from keraslight.quantization.ops.affine import per_channel, write_affine
from keraslight.quantization.ops.masks import write_masked


class ChainOp(Op):
    """An operation between two tensors that is repeated for more: `(a + b) + c`.

    A constant for the whole tensor or for each channel becomes an affine function, see
    `keraslight.quantization.ops.affine`. Any other constant becomes an int8 tensor.

    Attributes:
        layer: the Keras layer that computes it for two tensors.
    """

    layer: type
    elementwise = True
    fuses_activation = True

    def affine(self, constant: np.ndarray, comes_first: bool) -> tuple | None:
        """Returns the operation with a constant as a scale and a shift, or `None` if it is none."""
        return None

    def allowed(self, constant: np.ndarray, comes_first: bool) -> np.ndarray | None:
        """Returns where a constant leaves the tensor as it is, if it masks a softmax, or `None`."""
        return None

    def rewrite(self, writer, call, *args):
        terms = _terms(args)
        constants = [not isinstance(leaf, keras.KerasTensor) for leaf in _terms(call.args)]
        if len(terms) == 2 and any(constants):
            return self._with_constant(writer, call, list(terms), constants.index(True))
        if len(terms) == 2:
            return super().rewrite(writer, call, *args)
        x, *others, last = terms
        for number, term in enumerate(others):
            name = f"{call.name}_{number}"
            tensor = self.layer(name=name)([x.tensor, term.tensor])
            x = writer.new_range(tensor, name, clips=False)
        return writer.output(call, self.layer(name=call.name)([x.tensor, last.tensor]))

    def _with_constant(self, writer, call, terms, place):
        x = terms[1 - place]
        constant = per_channel(terms[place], x.tensor.shape)
        allowed = None if constant is not None else self.allowed(terms[place], place == 0)
        if allowed is not None:
            return write_masked(writer, call.name, x, allowed)
        affine = None if constant is None else self.affine(constant, comes_first=place == 0)
        if affine is not None:
            return write_affine(writer, call, x, *affine)
        terms[place] = keras.ops.convert_to_numpy(terms[place]).astype("float32")
        return super().rewrite(writer, call, *terms)

    def integer(self, call, *args):
        return self.pair(*_terms(args))

    def pair(self, first, second):
        """Computes the operation on two int8 tensors, one of which may be a constant."""
        raise NotImplementedError


def _terms(args):
    """Returns the terms, which a layer takes as a list and a bare operation as two arguments."""
    return args[0] if len(args) == 1 else args
