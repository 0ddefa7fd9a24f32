"""Which variable of a model each tensor of a published checkpoint belongs to."""

from typing import NamedTuple

import numpy as np

from keraslight.layers.fixed_depthwise_conv2d import FixedDepthwiseConv2D

HEAD = "predictions"

OIHW_TO_HWIO = (2, 3, 1, 0)
DEPTHWISE_TO_KERAS = (2, 3, 0, 1)
OI_TO_IO = (1, 0)


class Entry(NamedTuple):
    """A variable, and the axes of the published tensor in its order (`None`: as they are)."""

    variable: object
    axes: tuple[int, ...] | None = None

    @property
    def published_shape(self) -> tuple[int, ...]:
        shape = tuple(self.variable.shape)
        if self.axes is None:
            return shape
        return tuple(shape[axis] for axis in np.argsort(self.axes))

    def to_keras(self, value: np.ndarray) -> np.ndarray:
        return value if self.axes is None else value.transpose(self.axes)

    def to_published(self, value: np.ndarray) -> np.ndarray:
        return value if self.axes is None else value.transpose(np.argsort(self.axes))


def head_of(model):
    """Returns the classifier layer of a model, or `None` where it has none."""
    return next((layer for layer in model.layers if layer.name == HEAD), None)


class TensorMap(dict):
    """A dict from published tensor names to `Entry`s, filled layer by layer.

    Args:
        weight: suffix of a kernel.
        bias: suffix of a bias.
        norm: the four suffixes of a batch normalization: gamma, beta, mean, variance.

    Attributes:
        head_names: the names of the classifier's tensors, also where a model has no classifier.
        fixed: for every kernel that is given and not learned, its name and its layer.
        unused: beginnings of names of tensors a checkpoint may hold that this model has no use for.
    """

    def __init__(
        self,
        weight: str = ".weight",
        bias: str = ".bias",
        norm: tuple[str, ...] = (".weight", ".bias", ".running_mean", ".running_var"),
    ):
        super().__init__()
        self.weight, self.bias, self.norm_suffixes = weight, bias, norm
        self.head_names = set()
        self.fixed = {}
        self.unused: tuple[str, ...] = ()

    def conv(self, name: str, layer) -> None:
        """Adds a convolution's kernel and, where it has one, its bias."""
        self._linear(name, layer, OIHW_TO_HWIO)

    def depthwise(self, name: str, layer) -> None:
        """Adds a depthwise convolution's kernel and, where it has one, its bias."""
        self._linear(name, layer, DEPTHWISE_TO_KERAS)
        if isinstance(layer, FixedDepthwiseConv2D):
            self.fixed[name + self.weight] = layer

    def dense(self, name: str, layer) -> None:
        """Adds a dense layer's kernel and bias."""
        self._linear(name, layer, OI_TO_IO)

    def head(self, name: str, model) -> None:
        """Adds the classifier of a model, if it has one."""
        self.head_names = {name + self.weight, name + self.bias}
        if (head := head_of(model)) is not None:
            self.dense(name, head)

    def norm(self, name: str, layer) -> None:
        """Adds a batch normalization."""
        variables = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        for suffix, variable in zip(self.norm_suffixes, variables, strict=True):
            self[name + suffix] = Entry(variable)

    def _linear(self, name, layer, axes):
        self[name + self.weight] = Entry(layer.kernel, axes)
        if getattr(layer, "bias", None) is not None:
            self[name + self.bias] = Entry(layer.bias)
