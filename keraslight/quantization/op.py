"""The base class of everything that is known about one kind of operation in int8.

The modules of `keraslight.quantization.ops` hold one subclass for each kind. Quantizing,
calibrating, correcting biases, reporting, exporting and computing with integers only walk the graph
and ask the class.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras

from keraslight.graph.graph import Call
from keraslight.quantization.integers import Int8
from keraslight.quantization.runtimes import XNNPack

if TYPE_CHECKING:
    from keraslight.quantization.writer import Value, Writer


@dataclass(eq=False)
class NamedCall(Call):
    """A call with another name than that of its operation."""

    own_name: str = ""

    @property
    def name(self) -> str:
        return self.own_name


class Op:
    """What int8 TFLite does with one kind of layer or operation.

    A subclass that a module of `keraslight/quantization/ops` lists in its `__all__` is found
    without further registration.

    Attributes:
        classes: the classes of the layers and bare operations of this kind, those that `rewrite`
            writes included. They are compared by identity.
        constant: bool, whether the outputs depend on the shapes of the inputs alone.
        selecting: bool, whether every output value is one of the input values.
        fuses_activation: bool, whether the operation of TFLite can apply a ReLU to its output
            before it rounds. Without that, the output is rounded before a ReLU that follows.
        elementwise: bool, whether an output value depends only on input values at its position.
            Bias correction looks at the means after such operations.
        scales: how the scale of a channel passes through, for `keraslight.equalize`. `"keep"`: an
            output channel has the scale of the same input channel. `"select"`: every output value
            has the scale of the input value that it is. `"tie"`: inputs and output have one scale.
            `"multiply"`: the scales are multiplied. `None`: the operation holds for one scale only.
    """

    classes: tuple[type, ...] = ()
    constant = False
    selecting = False
    elementwise = False
    fuses_activation = False
    scales: str | None = None

    def matches(self, call: Call) -> bool:
        """Tells whether a call is of this kind."""
        return type(call.operation) in self.classes

    def refusal(self, call: Call) -> str | None:
        """Returns why int8 cannot express a call of this kind, or `None` if it can."""
        return None

    def rare_operator(self, call: Call) -> str | None:
        """Returns the operator that the file holds for a call, if not every runtime has it."""
        return None

    def is_known(self, call: Call, runtime: XNNPack) -> bool:
        """Tells whether `integer` rounds as a runtime does, if that has the operator."""
        return True

    def activation(self, call: Call) -> Call | None:
        """Returns the activation that a layer applies to its output, as a call of its own."""
        return None

    def ties(self, call: Call) -> list:
        """Returns the input tensors that share one range with the outputs."""
        return []

    def covers(self, call: Call) -> tuple[float, float]:
        """Returns the ends of a range that the range of the outputs must contain."""
        return 0.0, 0.0

    def rewrite(self, writer: "Writer", call: Call, *args, **kwargs) -> "Value":
        """Writes the call into the quantized model.

        By default a copy of the operation whose output is rounded.

        Args:
            writer: writes layers and roundings.
            call: the call in the float model.
            *args: the call's arguments, with a `Value` in place of every tensor.
            **kwargs: the call's keyword arguments, likewise.
        """
        return writer.output(call, writer.copy(call, *args, **kwargs))

    def float_weights(self, layer: keras.Layer) -> dict[str, tuple]:
        """Returns the float kernel and bias of the linear layers that `rewrite` writes, by name."""
        return {}

    def integer(self, call: Call, *args, **kwargs):
        """Computes a call of the quantized model with integers, with a gradient for training.

        Args:
            call: the call in the quantized model.
            *args: the call's arguments, with objects of `keraslight.quantization.integers` in
                place of the tensors.
            **kwargs: the call's keyword arguments, likewise.

        Returns:
            An object of `keraslight.quantization.integers`, or another with a method `rounded`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `integer`.")


def refusal_of_data_format(operation: keras.Operation) -> str | None:
    """Returns why int8 cannot express an operation if it does not have the channels last."""
    data_format = getattr(operation, "data_format", "channels_last")
    if (data_format or keras.config.image_data_format()) == "channels_last":
        return None
    return "only data_format='channels_last' has one"


class SelectingOp(Op):
    """An operation whose output values are some of its input values: there is nothing to round."""

    selecting = True
    scales = "select"

    def ties(self, call):
        return call.inputs[:1]

    def rewrite(self, writer, call, x, *args, **kwargs):
        outputs = writer.copy(call, x, *args, **kwargs)
        return keras.tree.map_structure(x.with_tensor, outputs)

    def integer(self, call, x, *args, **kwargs):
        outputs = call.operation(x.steps, *args, **kwargs)
        return keras.tree.map_structure(lambda steps: Int8(steps, x.grid), outputs)
