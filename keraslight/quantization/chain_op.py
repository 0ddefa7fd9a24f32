"""The base class of operations between two or more tensors."""

from keraslight.quantization.op import Op


class ChainOp(Op):
    """An operation between two tensors that is repeated for more: `(a + b) + c`.

    Attributes:
        layer: the Keras layer that computes it for two tensors.
    """

    layer: type
    elementwise = True
    fuses_activation = True

    def rewrite(self, writer, call, *args):
        terms = _terms(args)
        if len(terms) == 2:
            return super().rewrite(writer, call, *args)
        x, *others, last = terms
        for number, term in enumerate(others):
            name = f"{call.name}_{number}"
            tensor = self.layer(name=name)([x.tensor, term.tensor])
            x = writer.new_range(tensor, name, clips=False)
        return writer.output(call, self.layer(name=call.name)([x.tensor, last.tensor]))

    def integer(self, call, *args):
        return self.pair(*_terms(args))

    def pair(self, first, second):
        """Computes the operation on two int8 tensors, one of which may be a constant."""
        raise NotImplementedError


def _terms(args):
    """Returns the terms, which a layer takes as a list and a bare operation as two arguments."""
    return args[0] if len(args) == 1 else args
