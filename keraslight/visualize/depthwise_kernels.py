"""Finds the depthwise kernels of a model, including those inside blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import inner_layers
from keraslight.layers.fixed_depthwise_conv2d import FixedDepthwiseConv2D
from keraslight.layers.linear_branches import LinearBranches
from keraslight.layers.shared_depthwise_conv2d import SharedDepthwiseConv2D

L = keras.layers


@dataclass(frozen=True)
class DepthwiseKernels:
    """The kernels of one layer.

    Attributes:
        layer: str, the name of the layer.
        values: float32 array of shape `(height, width, kernels)`.
        is_learned: bool, whether the kernels are learned, not computed. Those of a frozen layer are
            learned too.
        variable: the variable that holds them, `None` if they are the sum of several branches.
    """

    layer: str
    values: np.ndarray
    is_learned: bool
    variable: keras.Variable | None = None


def find_depthwise_kernels(model: keras.Model) -> list[DepthwiseKernels]:
    """Returns the depthwise kernels of a model, layer by layer, without 1x1 kernels.

    A depthwise sum of branches, such as RepSO, is one depthwise convolution at inference: the
    kernels of that convolution are returned.

    Args:
        model: any Keras model that was built.

    Raises:
        ValueError: if there are none, or they are NaN or infinite.
    """
    found = [kernels for layer in _layers_of_kernels(model, set()) if (kernels := _kernels(layer))]
    if not found:
        raise ValueError(
            "The model has no depthwise convolution larger than 1x1, or was not built. "
            f"Received: model={model!r}"
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
    """Returns whether a layer is a convolution of any kind or a depthwise sum of branches."""
    if not isinstance(layer, KINDS) or not layer.built:
        return False
    if isinstance(layer, LinearBranches) and layer.filters is not None:
        return layer.groups == layer.channels > 1
    return True


KINDS = (
    L.Conv2D,
    L.DepthwiseConv2D,
    L.SeparableConv2D,
    FixedDepthwiseConv2D,
    LinearBranches,
    SharedDepthwiseConv2D,
)


def _kernels(layer) -> DepthwiseKernels | None:
    """Returns the depthwise kernels of a layer, `None` if it has none."""
    if isinstance(layer, LinearBranches):
        variable, values = None, layer.fused_weights()[0]
    else:
        name = "depthwise_kernel" if isinstance(layer, L.SeparableConv2D) else "kernel"
        variable = getattr(layer, name)
        values = keras.ops.convert_to_numpy(variable)
    height, width, depth, multiplier = values.shape
    is_dense = isinstance(layer, L.Conv2D) and (depth > 1 or layer.groups == 1)
    if is_dense or height * width == 1:
        return None
    values = values.reshape(height, width, depth * multiplier).astype("float32")
    if not np.isfinite(values).all():
        raise ValueError(
            "The model has kernels that are NaN or infinite: its training or its loading failed. "
            f"Received: a model with the layer {layer.name}"
        )
    is_learned = not isinstance(layer, FixedDepthwiseConv2D)
    return DepthwiseKernels(layer.name, values, is_learned, variable)
