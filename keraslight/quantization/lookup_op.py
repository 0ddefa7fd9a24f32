"""The base class of functions of one number, which int8 computes with a table.

TFLite has an operation for some of them. The runtime then makes the table itself, in float32, with
the mathematical functions of its machine. A value may lie almost in the middle between two codes;
then the last bits of these functions decide how it is rounded. The file holds the table in place of
the operation where that happens, so that every machine computes the same integers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import outside_of_graphs
from keraslight.graph.copies import copy_of
from keraslight.graph.graph import Call
from keraslight.quantization.integers import LOWEST, Grid, Int8, Pointwise
from keraslight.quantization.rounding import in_double_precision
from keraslight.quantization.written_op import Builtin, WrittenOp

L = keras.layers
ops = keras.ops

# how far from the real value a runtime may be, relative to the value and to its argument
ERROR_OF_FLOAT32 = 2.0**-22

# what the layers of Keras compute that are functions of one number
FUNCTIONS_OF_LAYERS = {
    L.Activation: lambda layer: layer.activation,
    L.ELU: lambda layer: lambda x: keras.activations.elu(x, layer.alpha),
    L.LeakyReLU: lambda layer: lambda x: keras.activations.leaky_relu(x, layer.negative_slope),
    L.ReLU: lambda layer: (
        lambda x: keras.activations.relu(x, layer.negative_slope, layer.max_value, layer.threshold)
    ),
}


@dataclass(frozen=True, eq=False)
class FunctionOfCodes:
    """A function of the 256 codes of an int8 tensor.

    Attributes:
        values: float64 tensor of shape `(256,)`.
    """

    values: object

    def rounded(self, grid: Grid) -> Int8:
        """Rounds the values, in double precision."""
        return grid.runtime.lookup(self, grid)


class LookupOp(WrittenOp):
    """A function of one number: a table with an entry for each of the 256 codes.

    The table of the file and that of the simulation are computed by the same lines, so they are
    equal whatever the function is.

    Attributes:
        functions: functions of `keras.activations` that `L.Activation` may hold. They are compared
            by identity.
    """

    functions: tuple[Callable, ...] = ()

    def matches(self, call):
        if type(call.operation) is L.Activation:
            return any(call.operation.activation is function for function in self.functions)
        return super().matches(call)

    def refusal(self, call):
        others = [leaf for leaf in call.args if not isinstance(leaf, keras.KerasTensor)]
        if len(call.inputs) > 1 or any(np.ndim(leaf) for leaf in others):
            return f"{type(call.operation).__name__} has one of a tensor and numbers"
        return None

    def function(self, call: Call) -> Callable:
        """Returns the function that a call applies to every number of its tensor."""
        operation = call.operation
        if type(operation) in FUNCTIONS_OF_LAYERS:
            return FUNCTIONS_OF_LAYERS[type(operation)](operation)

        def apply(x):
            args = [x if isinstance(leaf, keras.KerasTensor) else leaf for leaf in call.args]
            return operation.call(*args)

        return apply

    def value_at(self, call: Call, x: float) -> float:
        """Returns the function of a number, also while a function is traced."""
        with outside_of_graphs():
            return float(self.function(call)(np.float32([x]))[0])

    def values(self, call: Call, x):
        """Returns the function of the values of the 256 codes, in double precision."""
        return self.function(call)(x)

    def codes(self, call: Call, x: Int8, values):
        """Returns a value of shape `(256,)` that rounds as the file does.

        Args:
            call: the call.
            x: the codes of the input.
            values: what `values` returns for them.
        """
        return FunctionOfCodes(values)

    def operator(self, call: Call) -> Builtin | None:
        """Returns the operation of TFLite that makes the table of a call itself, or `None`."""
        return None

    def rare_operator(self, call):
        written = self.operator(call)
        return None if written is None else written.name

    def builtin(self, call, source, grid):
        written = self.operator(call)
        in_file = written is None or self._depends_on_machine(call, source, grid)
        return None if in_file else written

    def _depends_on_machine(self, call, source: Grid, grid: Grid) -> bool:
        """Tells whether the last bits of float32 decide how one of the values is rounded."""
        steps = in_double_precision(np.arange(256) + (LOWEST - source.zero_point))
        x = in_double_precision(source.scale) * steps
        values, beside = (
            ops.convert_to_numpy(self.values(call, argument)) / np.float64(grid.scale)
            for argument in (x, x * (1 + ERROR_OF_FLOAT32))
        )
        error = ERROR_OF_FLOAT32 * np.abs(values) + np.abs(beside - values)
        from_half = np.abs(values - np.floor(values) - 0.5)
        inside = (values > grid.lower - 1) & (values < grid.upper + 1)
        return bool((inside & (from_half <= error)).any())

    def table(self, call, source, grid):
        codes = self.integer(call, Int8(ops.zeros(()), source)).rounded(grid).codes
        return ops.convert_to_numpy(codes.steps + grid.zero_point).astype("int8")

    def rewrite(self, writer, call, *args, **kwargs):
        operation = copy_of(call.operation)
        operation.name = f"{call.name}_{type(operation).__name__.lower()}"
        tensors = [leaf.tensor if hasattr(leaf, "tensor") else leaf for leaf in args]
        tensor = operation(*tensors)
        if self.fixed_range is not None:
            return writer.new_range(tensor, call.name, fixed_range=self.fixed_range)
        return writer.rounded(call.outputs, tensor, call.name)

    def integer(self, call, *args, **kwargs):
        (x,) = (leaf for leaf in args if hasattr(leaf, "grid"))
        source = Pointwise.identity(x)
        values = self.values(
            call, in_double_precision(x.grid.scale) * in_double_precision(source.codes.steps)
        )
        smooth = ops.cast(values, "float32")
        return Pointwise(x, self.codes(call, source.codes, values), smooth)
