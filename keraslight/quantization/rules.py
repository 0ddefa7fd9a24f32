"""What int8 TFLite does with each kind of layer: the table the quantizer goes by."""

import keras

from keraslight.graph.graph import Call, Graph

L = keras.layers

# the activation is computed inside the layer before it, whose output range is that after it
FUSED_ACTIVATIONS = ("relu", "relu6")
# the output range is the same for any data: 256 steps of 1/256
UNIT_RANGE = (0.0, 255 / 256)
FIXED_RANGES = {"sigmoid": UNIT_RANGE, "softmax": UNIT_RANGE, "tanh": (-1.0, 127 / 128)}
# written as products of simpler activations, which the runtime computes faster than the whole
PRODUCTS = {
    "silu": "sigmoid",
    "swish": "sigmoid",
    "hard_silu": "hard_sigmoid",
    "hard_swish": "hard_sigmoid",
}
ACTIVATIONS = ("linear", *FUSED_ACTIVATIONS, *FIXED_RANGES, *PRODUCTS, "hard_sigmoid", "gelu")

# classes of layers and of bare operations, by name, as those of operations are not public
# output values are some of the input values: nothing to round
SELECTING = {
    "ConvertToTensor",
    "Cropping2D",
    "Dropout",
    "Flatten",
    "GetItem",
    "GlobalMaxPooling2D",
    "Identity",
    "MaxPooling2D",
    "Pad",
    "Permute",
    "Reshape",
    "Squeeze",
    "SwapAxes",
    "Transpose",
    "ZeroPadding2D",
}
# output has the range of the input, rounded anew
SAME_RANGE = {"AveragePooling2D"}
# inputs and output have one range
JOINING = {"Concatenate"}
# output has a range of its own
COMPUTING = {"Add", "GlobalAveragePooling2D", "Multiply", "Subtract"}
# made from the size of their input alone
CONSTANT = {"OnesLike", "ZerosLike"}


def kind_of(call: Call) -> str | None:
    """Returns the name of the class of a call's layer or operation, `None` if it is not Keras's."""
    kind = type(call.operation)
    return kind.__name__ if kind.__module__.startswith("keras.") else None


def is_selecting(call: Call) -> bool:
    """Tells whether a call's output values are some of its input values."""
    kind = kind_of(call)
    return kind in SELECTING or (
        kind == "UpSampling2D" and call.operation.interpolation == "nearest"
    )


def activation_name(operation) -> str | None:
    """Returns the name of an activation layer's function, `None` for any other operation."""
    if type(operation) is L.Activation:
        return operation.activation.__name__
    if type(operation) is L.ReLU and not operation.negative_slope and not operation.threshold:
        return {None: "relu", 6: "relu6"}.get(operation.max_value)
    if type(operation) is L.Softmax:
        return "softmax"
    return None


def constant_calls(graph: Graph) -> set[int]:
    """Returns the ids of calls whose outputs depend on the size of the input alone."""
    constants, tensors = set(), set()
    for call in graph.calls:
        inputs = call.inputs
        if kind_of(call) in CONSTANT or (inputs and all(id(x) in tensors for x in inputs)):
            constants.add(id(call))
            tensors.update(id(x) for x in keras.tree.flatten(call.outputs))
    return constants


class TiedRanges:
    """Which tensors must share one range: those that meet in a concatenation (union-find).

    A tensor that is only a selection of another's values has the range of that one.
    """

    def __init__(self, graph: Graph):
        self.parent: dict[int, int] = {}
        constants = constant_calls(graph)
        for call in graph.calls:
            if id(call) in constants:
                continue
            if is_selecting(call) or kind_of(call) in SAME_RANGE:
                self._join(call.outputs, call.inputs[0])
            elif kind_of(call) in JOINING:
                for tensor in call.inputs:
                    self._join(call.outputs, tensor)

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
