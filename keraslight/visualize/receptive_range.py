"""How many channels a pointwise convolution mixes, and what is lost if it mixes fewer."""

from dataclasses import asdict, dataclass
from typing import ClassVar

import keras
import numpy as np

from keraslight.compat import inner_layers
from keraslight.graph.copies import clone_with_weights
from keraslight.report import Report, name_rows

L = keras.layers


@dataclass(frozen=True)
class LayerRange:
    """The receptive range of one pointwise convolution.

    Attributes:
        layer: str, the name of the layer.
        channels: int, of its input.
        connected: int, how many input channels each output channel is connected to.
        effective: float, how many of them count: the squared sum of the squared weights over the
            sum of their fourth powers, averaged over the output channels. It is `connected` if all
            weights are equally large, and 1 if one of them is alone.
    """

    layer: str
    channels: int
    connected: int
    effective: float

    @property
    def share(self) -> float:
        """The effective range over the number of channels."""
        return self.effective / self.channels


class ReceptiveRanges(Report):
    """The receptive range of each pointwise convolution of a model.

    Attributes:
        layers: list of `LayerRange`, in the order of the model.
    """

    formats: ClassVar = {"effective": ".1f", "share": ".1%"}

    def __init__(self, layers: list[LayerRange]):
        self.layers = layers

    def as_dicts(self) -> list[dict]:
        """Returns the layers as dicts of plain values, ready for JSON or CSV."""
        return [{**asdict(layer), "share": layer.share} for layer in self.layers]

    def _draw(self, ax) -> None:
        """Draws the connected and the effective share of the channels of each layer."""
        places = range(len(self.layers))
        connected = [100 * layer.connected / layer.channels for layer in self.layers]
        ax.barh(places, connected, color="#c8c8c8", label="connected")
        shares = [100 * layer.share for layer in self.layers]
        ax.barh(places, shares, color="#3a86c8", label="effective")
        ax.set_xlim(0, 100)
        ax.set_xlabel("channels of the input (%)")
        name_rows(ax, [layer.layer for layer in self.layers])


def receptive_ranges(model: keras.Model) -> ReceptiveRanges:
    """Measures how many input channels the pointwise convolutions of a model mix.

    Args:
        model: any Keras model that was built.

    Returns:
        A `ReceptiveRanges`: print it, or call its methods `table`, `as_dicts` and `plot`.

    Raises:
        ValueError: if the model has no pointwise convolution.

    Example:
    >>> model = keras.Sequential([keras.Input((4, 4, 8)), keras.layers.Conv2D(6, 1, groups=2)])
    >>> (layer,) = keraslight.visualize.receptive_ranges(model).layers
    >>> layer.channels, layer.connected
    (8, 4)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023, section 3.3 and figure 7
        (https://arxiv.org/abs/2306.06365).
    """
    layers = []
    for layer in _pointwise(model):
        kernel = keras.ops.convert_to_numpy(layer.kernel).astype("float64")[0, 0]
        squares = kernel**2
        norms = np.maximum((squares**2).sum(axis=0), np.finfo("float64").tiny)
        effective = (squares.sum(axis=0) ** 2 / norms).mean()
        connected = int((kernel != 0).sum(axis=0).max())
        channels = kernel.shape[0] * layer.groups
        layers.append(LayerRange(layer.name, channels, connected, float(effective)))
    return ReceptiveRanges(layers)


def limit_receptive_range(model: keras.Model, share: float) -> keras.Model:
    """Returns a model whose pointwise convolutions mix only a window of channels.

    An output channel keeps its weights to the input channels around its own relative place, the
    others become 0: a channel-wise convolution with a window. The kept weights are not trained on;
    `fit` the result to see what a network of that range can learn.

    Args:
        model: any Keras model that can be cloned, with pointwise convolutions that are not grouped.
        share: float above 0 and at most 1: the width of the window over the number of channels.

    Returns:
        A new model. The given one does not change.

    Raises:
        ValueError: if `share` is out of range, or the model has no pointwise convolution.

    Example:
    >>> model = keras.Sequential([keras.Input((4, 4, 8)), keras.layers.Conv2D(8, 1)])
    >>> limited = keraslight.visualize.limit_receptive_range(model, 0.25)
    >>> keraslight.visualize.receptive_ranges(limited).layers[0].connected
    2

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023, figure 7
        (https://arxiv.org/abs/2306.06365).
    """
    if not 0 < share <= 1:
        raise ValueError(f"`share` must be above 0 and at most 1. Received: share={share!r}")
    _pointwise(model)
    limited = clone_with_weights(model, None)
    for layer in _pointwise(limited):
        if layer.groups == 1:
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(kernel * window(*kernel.shape[2:], share))
    return limited


def window(channels: int, filters: int, share: float) -> np.ndarray:
    """Returns which weights a window keeps, as an array of 0 and 1.

    Args:
        channels: int, of the input.
        filters: int, of the output.
        share: float, the width of the window over the number of channels.
    """
    width = max(1, round(share * channels))
    centres = (np.arange(filters) + 0.5) * channels / filters
    first = np.clip(np.round(centres - width / 2), 0, channels - width)
    places = np.arange(channels)[:, None]
    return ((places >= first) & (places < first + width)).astype("float32")


def _pointwise(model):
    layers = [
        layer
        for layer in inner_layers(model)
        if isinstance(layer, L.Conv2D) and layer.built and set(layer.kernel_size) == {1}
    ]
    if not layers:
        raise ValueError(
            f"The model has no pointwise convolution, or was not built. Received: model={model!r}"
        )
    return layers
