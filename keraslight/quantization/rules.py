"""Facts about the tensors of a graph that follow from the int8 operations between them."""

import keras

from keraslight.compat import operation_classes
from keraslight.graph.graph import Call, Graph
from keraslight.quantization.ops import op_of

L = keras.layers
MOVES_OF_AXES = (
    *(L.Flatten, L.Permute, L.Reshape),
    *operation_classes("ExpandDims", "Moveaxis", "Ravel", "Reshape"),
    *operation_classes("Squeeze", "Swapaxes", "Transpose"),
)


def is_selecting(call: Call) -> bool:
    """Tells whether a call's output values are some of its input values."""
    op = op_of(call)
    return op is not None and op.selecting


def only_moves_axes(call: Call) -> bool:
    """Tells whether a call changes the order or the number of the axes and nothing else."""
    return type(call.operation) in MOVES_OF_AXES


def constant_calls(graph: Graph) -> set[int]:
    """Returns the ids of the calls whose outputs depend on the shapes of the inputs alone."""
    constants, tensors = set(), set()
    for call in graph.calls:
        op, inputs = op_of(call), call.inputs
        is_constant = op is not None and op.constant
        if is_constant or (inputs and all(id(x) in tensors for x in inputs)):
            constants.add(id(call))
            tensors.update(id(x) for x in keras.tree.flatten(call.outputs))
    return constants


class TiedRanges:
    """Finds the tensors that must share one range (union-find)."""

    def __init__(self, graph: Graph):
        self.parent: dict[int, int] = {}
        constants = constant_calls(graph)
        for call in graph.calls:
            op = op_of(call)
            if id(call) in constants or op is None:
                continue
            for output in keras.tree.flatten(call.outputs):
                for tensor in op.ties(call):
                    self._join(output, tensor)

    def root(self, tensor) -> int:
        """Returns the same int for all tensors that share a range."""
        key = id(tensor)
        while key in self.parent:
            key = self.parent[key]
        return key

    def _join(self, tensor, other):
        one, two = self.root(tensor), self.root(other)
        if one != two:
            self.parent[one] = two
