"""Two sparse factors of a 1x1 convolution: their sizes, their product, their forms at inference.

The channels form `G` windows of `K` neighbours each. The first factor maps the `K` channels of each
window to `Q` hidden values. The second factor maps, for each of the `Q`, the hidden values of all
windows to `M` outputs. So every output depends on every input, along exactly one path.
"""

from typing import NamedTuple

import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.kernels import as_dense
from keraslight.graph.policy import Form
from keraslight.layers.channel_shuffle import ChannelShuffle, shuffled
from keraslight.layers.parts import conv2d


class FactorSizes(NamedTuple):
    """The sizes of a pair of factors.

    Attributes:
        window: `K`, the number of neighbouring channels that the first factor mixes.
        groups: `G`, the number of windows.
        hidden: `Q`, the number of hidden values of each window.
        outputs: `M`, the number of outputs of each of the `Q`.
    """

    window: int
    groups: int
    hidden: int
    outputs: int

    @classmethod
    def of(cls, channels: int, filters: int, window: int, reduction: int) -> "FactorSizes":
        """Returns the sizes for a window.

        Raises:
            ValueError: if the window does not divide the channels, or the reduction the window, or
                the hidden values of a window the filters.
        """
        if (
            not 1 <= reduction <= window
            or channels % window
            or window % reduction
            or filters % (window // reduction)
        ):
            raise ValueError(
                "`window` must divide the channels, `reduction` the window, and window / reduction "
                f"the filters. Received: window={window}, reduction={reduction}, "
                f"channels={channels}, filters={filters}"
            )
        hidden = window // reduction
        return cls(window, channels // window, hidden, filters // hidden)


def best_window(channels: int, filters: int, reduction: int) -> int:
    """Returns the window with the fewest weights; of two equal ones, the smaller.

    A window of `K` has `channels * K / reduction + channels * filters / K` weights, fewest at
    `K = sqrt(reduction * filters)`.
    """
    windows = [
        window
        for window in range(reduction, channels + 1, reduction)
        if channels % window == 0 and filters % (window // reduction) == 0
    ]
    if not windows:
        raise ValueError(
            "No window divides the channels and is a multiple of `reduction`. Received: "
            f"channels={channels}, filters={filters}, reduction={reduction}"
        )
    return min(windows, key=lambda window: window / reduction + filters / window)


class FactorPair(NamedTuple):
    """The weights of a pair of factors.

    Attributes:
        first: array of shape `(groups, window, hidden)`.
        first_bias: array of shape `(groups, hidden)`.
        second: array of shape `(hidden, groups, outputs)`.
        second_bias: array of shape `(hidden, outputs)`.
    """

    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray

    def product(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns kernel `(1, 1, channels, filters)` and bias of the one dense convolution."""
        kernel = np.einsum("gkq,qgm->gkqm", self.first, self.second)
        bias = self.second_bias + np.einsum("gq,qgm->qm", self.first_bias, self.second)
        channels = kernel.shape[0] * kernel.shape[1]
        return kernel.reshape(1, 1, channels, -1), bias.ravel()

    def deploy(self, inputs, policy, name: str):
        """Writes the pair in the form that the policy chooses for its sizes.

        The shuffle of the grouped form needs a known image size. Without it the first factor is
        written as a dense convolution.
        """
        channels, filters = inputs.shape[-1], self.second_bias.size
        narrow = min(channels, filters) <= policy["narrow"]
        form = policy["narrow_pair"] if narrow else policy["wide_pair"]
        if form == "mixed" and filters < channels:
            # a dense first factor alone has half the weights of the dense convolution
            form = "dense"
        if form == "grouped" and None in inputs.shape[1:3]:
            form = "mixed"
        return WRITERS[form](self, inputs, name)

    def as_dense(self, inputs, name):
        """Writes one dense 1x1 convolution."""
        kernel, bias = self.product()
        conv = conv2d(bias.size, use_bias=True, name=f"{name}_conv")
        return call_with_weights(conv, inputs, kernel, bias)

    def as_mixed(self, inputs, name):
        """Writes a dense first factor, with the shuffle in its kernel, and a grouped second one."""
        groups, hidden = self.first_bias.shape
        order = shuffled(groups * hidden, groups)
        kernel, bias = as_dense(self._first_kernel(), groups), self.first_bias.ravel()
        conv = conv2d(groups * hidden, use_bias=True, name=f"{name}_first_conv")
        x = call_with_weights(conv, inputs, kernel[..., order], bias[order])
        return self._second(x, name)

    def as_grouped(self, inputs, name):
        """Writes two grouped 1x1 convolutions with a shuffle between."""
        groups, hidden = self.first_bias.shape
        conv = conv2d(groups * hidden, groups=groups, use_bias=True, name=f"{name}_first_conv")
        x = call_with_weights(conv, inputs, self._first_kernel(), self.first_bias.ravel())
        return self._second(ChannelShuffle(groups, name=f"{name}_shuffle")(x), name)

    def _first_kernel(self):
        groups, window, hidden = self.first.shape
        return self.first.transpose(1, 0, 2).reshape(1, 1, window, groups * hidden)

    def _second(self, x, name):
        hidden, groups, outputs = self.second.shape
        kernel = self.second.transpose(1, 0, 2).reshape(1, 1, groups, hidden * outputs)
        conv = conv2d(hidden * outputs, groups=hidden, use_bias=True, name=f"{name}_second_conv")
        return call_with_weights(conv, x, kernel, self.second_bias.ravel())


WRITERS = {
    "dense": FactorPair.as_dense,
    "mixed": FactorPair.as_mixed,
    "grouped": FactorPair.as_grouped,
}
# the forms that every layer made of a pair of factors declares
FACTOR_FORMS = (
    Form(
        "narrow_pair",
        tuple(WRITERS),
        float="mixed",
        int8="dense",
        doc="Two sparse factors of a 1x1 convolution with at most `narrow` input or output "
        "channels: one `dense` convolution; a `mixed` pair, the first dense, the second grouped; "
        "or a `grouped` pair with a shuffle between.",
    ),
    Form(
        "wide_pair",
        tuple(WRITERS),
        float="grouped",
        int8="dense",
        doc="The same for wider ones.",
    ),
    Form("narrow", (16, 32, 64, 128), float=64, int8=64, doc="See `narrow_pair`."),
)
