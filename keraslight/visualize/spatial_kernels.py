"""Finds the kernels of a model's convolutions larger than 1x1, including those inside blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import inner_layers
from keraslight.layers.fixed_depthwise_conv2d import FixedDepthwiseConv2D
from keraslight.layers.linear_branches import LinearBranches
from keraslight.layers.shared_depthwise_conv2d import SharedDepthwiseConv2D

L = keras.layers


CONNECTIONS = ("depthwise", "grouped", "dense")


@dataclass(frozen=True)
class SpatialKernels:
    """The kernels of one layer, each of one input channel and one output channel.

    Attributes:
        layer: str, the name of the layer.
        values: float32 array of shape `(height, width, kernels)`.
        is_learned: bool, whether the kernels are learned, not computed. Those of a frozen layer are
            learned too.
        variable: the variable that holds them, `None` if they are the sum of several branches.
        connection: str, one of `CONNECTIONS`: what an output channel is connected to.
        strides: int, the greater of the two.
    """

    layer: str
    values: np.ndarray
    is_learned: bool
    variable: keras.Variable | None = None
    connection: str = "depthwise"
    strides: int = 1


def find_depthwise_kernels(model: keras.Model) -> list[SpatialKernels]:
    """Returns the depthwise kernels of a model, layer by layer, without 1x1 kernels.

    A depthwise sum of branches, such as RepSO, is one depthwise convolution at inference: the
    kernels of that convolution are returned.

    Args:
        model: any Keras model that was built.

    Raises:
        ValueError: if there are none, or they are NaN or infinite.
    """
    return find_kernels(model, ("depthwise",))


def find_kernels(model: keras.Model, connections: Sequence[str]) -> list[SpatialKernels]:
    """Returns the kernels of a model that are larger than 1x1, layer by layer.

    Args:
        model: any Keras model that was built.
        connections: which of `CONNECTIONS` to return.

    Raises:
        ValueError: if there are none, they are NaN or infinite, or `connections` has another name.
    """
    unknown = set(connections) - set(CONNECTIONS)
    if unknown or not connections:
        raise ValueError(
            f"`connections` must be some of {CONNECTIONS}. Received: connections={connections!r}"
        )
    layers = _layers_of_kernels(model, set())
    found = [kernels for layer in layers if (kernels := _kernels(layer, connections))]
    if not found:
        raise ValueError(
            f"The model has no {' or '.join(connections)} convolution larger than 1x1, or was not "
            f"built. Received: model={model!r}"
        )
    return found


def _layers_of_kernels(layer, seen: set[int]) -> Iterator[keras.layers.Layer]:
    """Yields the layers that may have depthwise kernels, in order, each once."""
    for inner in inner_layers(layer, recursive=False):
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        if _may_have_kernels(inner):
            yield inner
        else:
            yield from _layers_of_kernels(inner, seen)


def _may_have_kernels(layer) -> bool:
    """Returns whether a layer is a convolution of any kind or a sum of branches."""
    return isinstance(layer, KINDS) and layer.built


KINDS = (
    L.Conv2D,
    L.DepthwiseConv2D,
    L.SeparableConv2D,
    FixedDepthwiseConv2D,
    LinearBranches,
    SharedDepthwiseConv2D,
)


def _kernels(layer, connections) -> SpatialKernels | None:
    """Returns the kernels of a layer, `None` if it has none of the `connections`."""
    connection = _connection(layer)
    if connection not in connections:
        return None
    if isinstance(layer, LinearBranches):
        variable, values = None, layer.fused_weights()[0]
    else:
        name = "depthwise_kernel" if isinstance(layer, L.SeparableConv2D) else "kernel"
        variable = getattr(layer, name)
        values = keras.ops.convert_to_numpy(variable)
    height, width, depth, multiplier = values.shape
    if height * width == 1:
        return None
    values = values.reshape(height, width, depth * multiplier).astype("float32")
    if not np.isfinite(values).all():
        raise ValueError(
            "The model has kernels that are NaN or infinite: its training or its loading failed. "
            f"Received: a model with the layer {layer.name}"
        )
    is_learned = not isinstance(layer, FixedDepthwiseConv2D)
    strides = getattr(layer, "strides", 1)
    strides = max(strides) if isinstance(strides, tuple | list) else strides
    return SpatialKernels(layer.name, values, is_learned, variable, connection, strides)


def _connection(layer) -> str:
    """Returns which of `CONNECTIONS` a layer has."""
    if isinstance(layer, LinearBranches) and layer.filters is not None:
        groups, channels = layer.groups, layer.channels
    elif isinstance(layer, L.Conv2D):
        groups, channels = layer.groups, layer.kernel.shape[2] * layer.groups
    else:
        return "depthwise"
    if groups == channels > 1:
        return "depthwise"
    return "grouped" if groups > 1 else "dense"
