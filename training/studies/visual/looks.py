"""The ways to look at networks: each gives rows for a table, and draws one network on axes.

A look at a network that has nothing of the kind, such as no depthwise kernels, is left out.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from matplotlib.axes import Axes

import keraslight
from keraslight import visualize
from keraslight.reparam.fuse import NothingToFuse
from keraslight.report import Report

# the largest number of pairs of repeated maps
REPEATS = 8
EVERY = ("depthwise", "grouped", "dense")


class Network(NamedTuple):
    """A network that is looked at.

    Attributes:
        name: what it is called in tables and pictures.
        model: the trained model.
        fused: the same network as it runs on a device.
        images: images as the model takes them; `None` if there are none.
    """

    name: str
    model: keras.Model
    fused: keras.Model
    images: np.ndarray | None = None


def network(name: str, model: keras.Model, images=None) -> Network:
    """Returns a network that can be looked at."""
    try:
        fused = keraslight.fuse(model)
    except NothingToFuse:
        fused = model
    return Network(name, model, fused, images)


def costs(network: Network) -> Report:
    """Returns the shares of parameters and multiply-adds (FalconNet, figure 1)."""
    return visualize.cost_shares(network.fused)


def magnitude(network: Network) -> Report:
    """Returns the mean magnitude of depthwise kernels (FalconNet, figure 5)."""
    return visualize.kernel_magnitude(network.fused)


def ranges(network: Network) -> Report:
    """Returns how many channels pointwise convolutions mix (FalconNet, figure 7)."""
    return visualize.receptive_ranges(network.fused)


def mixtures(network: Network) -> Report:
    """Returns mixtures of Gaussians of the weights, those of strided layers too (VGNet)."""
    return visualize.kernel_mixtures(network.model, connections=EVERY)


def repeats(network: Network) -> Report:
    """Returns feature maps that repeat a map of the layer before (VGNet)."""
    if network.images is None:
        raise ValueError("Feature maps need images. Received: images=None")
    return visualize.repeated_maps(network.model, network.images, REPEATS)


def draw_magnitude(report, axes: Axes) -> None:
    """Draws the mean over all layers of the commonest kernel size."""
    shapes = [layer.magnitudes.shape for layer in report.layers]
    commonest = max(set(shapes), key=shapes.count)
    kernels = [x.magnitudes for x in report.layers if x.magnitudes.shape == commonest]
    mean = np.mean(kernels, axis=0)
    axes.imshow(mean, cmap="viridis", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(mean):
        color = "black" if value > 0.6 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
    axes.set_axis_off()


class Look(NamedTuple):
    """A way to look at networks.

    Attributes:
        of: function from a `Network` to a report, or an error of the kind `ValueError`.
        draw: function that draws a report on axes.
        height: inches of the picture for so many rows of a report.
    """

    of: Callable[[Network], Report]
    draw: Callable[[Report, Axes], object] = lambda report, axes: report.plot(axes)
    height: Callable[[int], float] = lambda rows: 0.19 * rows + 1.4


LOOKS = {
    "costs": Look(costs, height=lambda rows: 2.8),
    "magnitude": Look(magnitude, draw_magnitude, lambda rows: 2.6),
    "ranges": Look(ranges),
    "mixtures": Look(mixtures),
    "repeats": Look(repeats, height=lambda rows: 2.6),
}


def reports(look: Look, networks: list[Network], note=lambda line: None) -> dict[str, Report]:
    """Returns the report of each network that has something of the kind, by its name.

    Args:
        look: one of `LOOKS`.
        networks: list of `Network`.
        note: function that is called with a line for each network that is left out.
    """
    found = {}
    for one in networks:
        try:
            report = look.of(one)
        except ValueError as error:
            note(f"{one.name} is left out: {error}")
            continue
        if report.as_dicts():
            found[one.name] = report
    return found


def limited(network: Network, shares: tuple[float, ...], accuracy_of) -> list[dict]:
    """Returns the accuracy of a network whose pointwise convolutions see a window of channels.

    Args:
        network: a `Network`.
        shares: the widths of the window over the number of channels.
        accuracy_of: callable that gets a model and returns its accuracy.
    """
    rows = [{"model": network.name, "share": 1.0, "accuracy": accuracy_of(network.model)}]
    for share in shares:
        model = visualize.limit_receptive_range(network.model, share)
        rows.append({"model": network.name, "share": share, "accuracy": accuracy_of(model)})
    return rows
