r"""Finds what spoils an int8 tensor, and says what helps.

The noise of a tensor has four sources, each of which is measured alone, with exact inputs:

- clipping: values of the float model outside the range,
- rounding: values inside the range,
- the rounding of the weights of the layer that computes the tensor,
- the noise of the tensors before.

Power is the variance of the tensor. A channel whose variance is not ten times as large as the noise
that rounding adds is lost, even where the tensor as a whole has little noise.
"""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.graph.graph import Graph
from keraslight.quantization.channel_scales import ChannelScales
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.ops import op_of

# a source below this share of the power is no fault: 27 dB
LARGEST_NOISE = 2e-3
# below a tenth of its power a channel is lost; so many lost channels are a fault
LEAST_CHANNEL_SNR, LOST_CHANNELS, FAR_SMALLER = 10.0, 0.05, 0.25
TINY = 1e-30

EQUALIZE = "keraslight.equalize before quantize_model"
MORE_PICTURES = 'calibrate with pictures that reach these values, or with method="minmax"'
PERCENTILE = 'calibrate with method="percentile"'
OTHER_PICTURES = "calibrate with pictures without such values"
ADAROUND = 'calibrate with rounding="adaround"'
KEEP_FLOAT = "keep_float of this layer and of those that read it"


@dataclass
class Sums:
    """Sums over all values of a tensor, each an array with an entry for every channel.

    Attributes:
        count, total, squares: of the values of the float model.
        noise: squared error of the quantized model.
        clipping, rounding: squared errors of this tensor alone.
        below, above: how many values are clipped at either end.
        largest: the largest absolute value, no sum.
    """

    count: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    noise: np.ndarray
    clipping: np.ndarray
    rounding: np.ndarray
    below: np.ndarray
    above: np.ndarray
    largest: np.ndarray

    @classmethod
    def of(cls, exact, rounded, quantizer: FakeQuantize) -> "Sums":
        """Returns the sums of one batch."""
        exact, rounded, alone = (_by_channel(x) for x in (exact, rounded, quantizer(exact)[0]))
        low, high = quantizer.range
        outside = (exact < low) | (exact > high)
        error = (alone - exact) ** 2
        values = (
            np.ones_like(exact),
            exact,
            exact**2,
            (exact - rounded) ** 2,
            np.where(outside, error, 0),
            np.where(outside, 0, error),
            exact < low,
            exact > high,
        )
        return cls(*(x.sum(axis=0) for x in values), _largest(exact))

    @classmethod
    def of_weights(cls, exact, rounded) -> "Sums":
        """Returns the sums of a layer's output, with and without rounding of its weights."""
        exact, rounded = _by_channel(exact), _by_channel(rounded)
        error, none = (exact - rounded) ** 2, np.zeros_like(exact)
        values = (np.ones_like(exact), exact, exact**2, error, none, error, none, none)
        return cls(*(x.sum(axis=0) for x in values), _largest(exact))

    def plus(self, other: "Sums | None") -> "Sums":
        """Returns the sums of both."""
        if other is None:
            return self
        sums = {name: values + getattr(other, name) for name, values in vars(self).items()}
        return Sums(**{**sums, "largest": np.maximum(self.largest, other.largest)})

    @property
    def power(self) -> float:
        """The variance of the tensor, times the number of its values."""
        return float(self.squares.sum() - self.total.sum() ** 2 / self.count.sum())

    def share(self, name: str) -> float:
        """Returns a noise, relative to the power."""
        return float(getattr(self, name).sum() / max(self.power, TINY))

    @property
    def of_a_channel(self) -> float:
        """The noise of rounding of the median channel, relative to the power of the channel."""
        power = self.squares - self.total**2 / self.count
        varies = self._varies(power)
        return float(np.median(self.rounding[varies] / power[varies])) if varies.any() else 0.0

    def _varies(self, power):
        return power > 1e-9 * max(self.squares.sum(), TINY) / len(power)

    @property
    def lost_channels(self) -> float:
        """The share of the channels that rounding drowns while other channels are far larger."""
        power = self.squares - self.total**2 / self.count
        varies = self._varies(power)
        lost = varies & (power < LEAST_CHANNEL_SNR * self.rounding)
        lost &= self.largest < FAR_SMALLER * self.largest.max()
        return float(lost.sum() / max(varies.sum(), 1))


@dataclass(frozen=True)
class Fault:
    """What spoils a tensor, and what helps.

    Attributes:
        cause: str, empty if the tensor adds little noise of its own.
        remedy: str, what to do about it.
    """

    cause: str = ""
    remedy: str = ""


def fault_of(sums: Sums, of_weights: Sums | None, can_equalize: bool, clips: bool) -> Fault:
    """Returns the largest fault of a tensor.

    Args:
        sums: its sums.
        of_weights: the sums of the linear layer that computes it, or `None` if there is none.
        can_equalize: whether its channels can be scaled.
        clips: whether calibration may clip it.
    """
    clipping, rounding = sums.share("clipping"), sums.share("rounding")
    weights = 0.0
    if of_weights is not None:
        weights = max(of_weights.share("rounding"), of_weights.of_a_channel)
    if clipping > max(LARGEST_NOISE, rounding, weights):
        return Fault("values outside the range", MORE_PICTURES)
    if sums.lost_channels > LOST_CHANNELS and (can_equalize or rounding <= LARGEST_NOISE):
        cause = f"{sums.lost_channels:.0%} of the channels are lost beside larger ones"
        return Fault(cause, EQUALIZE if can_equalize else KEEP_FLOAT)
    if rounding > max(LARGEST_NOISE, weights):
        remedy = PERCENTILE if clips else OTHER_PICTURES
        return Fault("rare values take most of the range", remedy)
    if weights > LARGEST_NOISE:
        return Fault("the step of the weights is too coarse", ADAROUND)
    return Fault()


class Places:
    """Where the tensors of a quantized model come from, and where they go.

    Args:
        graph: the graph of the quantized model.
        float_graph: the graph of the float model.
    """

    def __init__(self, graph: Graph, float_graph: Graph):
        self._producers, self._users = {}, {}
        for call in graph.calls:
            for tensor in keras.tree.flatten(call.outputs):
                self._producers[id(tensor)] = call
            for tensor in call.inputs:
                self._users.setdefault(id(tensor), []).append(call)
        scales = ChannelScales(float_graph)
        free = scales.free
        self._reads_scalable = {
            found.layer.name for found in scales.layers if free[found.reads].any()
        }

    def layer_of(self, call):
        """Returns the call of the linear layer whose output a quantizer rounds, or `None`."""
        source = self._producers.get(id(call.inputs[0]))
        while source is not None and not isinstance(source.operation, QuantizedLinear):
            op = op_of(source)
            if op is None or not op.elementwise or len(source.inputs) != 1:
                return None
            source = self._producers.get(id(source.inputs[0]))
        return source

    def can_equalize(self, call) -> bool:
        """Tells whether a layer that reads what a quantizer rounds lets channels be scaled."""
        pending, seen = [call], set()
        while pending:
            current = pending.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            tensor = keras.tree.flatten(current.outputs)[0]
            for user in self._users.get(id(tensor), ()):
                if isinstance(user.operation, QuantizedLinear):
                    if user.operation.name.removesuffix("_depthwise") in self._reads_scalable:
                        return True
                else:
                    pending.append(user)
        return False


def _largest(values):
    return np.abs(values).max(axis=0)


def _by_channel(values):
    values = keras.ops.convert_to_numpy(values).astype("float64")
    return values.reshape(-1, values.shape[-1] if values.ndim > 1 else 1)
