"""One module for each kind of operation that has an int8 form."""

from keraslight.discover import public_names
from keraslight.graph.graph import Call
from keraslight.quantization.op import Op
from keraslight.quantization.without_form import REASONS

# every class that a module of this package lists in its __all__
OPS = tuple(op() for op in public_names(__name__).values())


def op_of(call: Call) -> Op | None:
    """Returns the int8 form of a call, or `None` if it has none."""
    op = _kind_of(call)
    return op if op is not None and _refusal(op, call) is None else None


def refusal_of(call: Call) -> str:
    """Returns why a call has no int8 form."""
    op = _kind_of(call)
    if op is None:
        kind = type(call.operation)
        return REASONS.get(kind, f"there is no rule for {kind.__name__}")
    return _refusal(op, call)


def _kind_of(call):
    return next((op for op in OPS if op.matches(call)), None)


def _refusal(op, call):
    activation = op.activation(call)
    if activation is not None and op_of(activation) is None:
        return f"there is no rule for its activation {call.operation.activation!r}"
    return op.refusal(call)
