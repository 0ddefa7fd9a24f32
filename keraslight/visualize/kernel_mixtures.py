"""How the weights of kernels are distributed: a mixture of Gaussians for each layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np

from keraslight.report import Report, name_rows
from keraslight.visualize.spatial_kernels import find_kernels

# more weights than these do not change the fit
MOST_WEIGHTS = 20_000


@dataclass(frozen=True)
class LayerMixture:
    """The mixture of Gaussians that fits the weights of one layer best.

    Attributes:
        layer: str, the name of the layer.
        strides: int.
        weights: tuple of floats, the share of each Gaussian; they sum to 1.
        means: tuple of floats, in units of the root of the mean square of all weights.
        deviations: tuple of floats, likewise.
        gain: float, how much more likely a weight is under the mixture than under one Gaussian, in
            nats, after the penalty of the Bayesian information criterion. 0 for one Gaussian.
    """

    layer: str
    strides: int
    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    gain: float

    @property
    def components(self) -> int:
        """The number of Gaussians."""
        return len(self.weights)


class KernelMixtures(Report):
    """The distribution of the weights of each layer.

    Attributes:
        layers: list of `LayerMixture`, in the order of the model.
    """

    formats: ClassVar = {"gain": ".3f"}

    def __init__(self, layers: list[LayerMixture]):
        self.layers = layers

    def as_dicts(self) -> list[dict]:
        """Returns the layers as dicts of plain values, ready for JSON or CSV."""
        return [
            {
                "layer": layer.layer,
                "strides": layer.strides,
                "components": layer.components,
                "gain": layer.gain,
                "mixture": " + ".join(
                    f"{share:.2f} N({mean:.2f}, {deviation:.2f})"
                    for share, mean, deviation in zip(
                        layer.weights, layer.means, layer.deviations, strict=True
                    )
                ),
            }
            for layer in self.layers
        ]

    def _draw(self, ax) -> None:
        """Draws the gain of each layer, those with strides in another color."""
        colors = ["#e69f00" if layer.strides > 1 else "#3a86c8" for layer in self.layers]
        ax.barh(range(len(self.layers)), [layer.gain for layer in self.layers], color=colors)
        ax.set_xlabel("gain of the mixture over one Gaussian (nats per weight)")
        name_rows(ax, [layer.layer for layer in self.layers])


def kernel_mixtures(
    model: keras.Model,
    most: int = 4,
    strided: bool | None = None,
    connections: Sequence[str] = ("depthwise",),
) -> KernelMixtures:
    """Fits a mixture of Gaussians to the weights of each layer.

    Each kernel is divided by the root of the mean of its squares first. Otherwise kernels that
    differ in size alone would look like a mixture. The number of Gaussians is the one with the
    least Bayesian information criterion.

    Args:
        model: any Keras model with convolutions larger than 1x1, fused or not.
        most: int, the largest number of Gaussians to try.
        strided: optional bool: only layers that reduce the resolution (`True`), or only the others
            (`False`). All by default.
        connections: the convolutions to look at: some of `"depthwise"`, `"grouped"`, `"dense"`.

    Returns:
        A `KernelMixtures`: print it, or call its methods `table`, `as_dicts` and `plot`.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if the model has no such kernels.

    Example:
    >>> model = keraslight.VGNetC("1.0mp", input_shape=(32, 32, 3))
    >>> found = keraslight.visualize.kernel_mixtures(model, strided=True)
    >>> {layer.strides for layer in found.layers}
    {2}

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318): the kernels of strided depthwise convolutions have a
        distribution that is not one Gaussian but a mixture.
    """
    if most < 1:
        raise ValueError(f"`most` must be at least 1. Received: most={most!r}")
    found = [
        kernels
        for kernels in find_kernels(model, connections)
        if strided in (None, kernels.strides > 1)
    ]
    if not found:
        what = "with strides" if strided else "without strides"
        raise ValueError(f"The model has no such convolution {what}. Received: model={model!r}")
    return KernelMixtures([_mixture(kernels, most) for kernels in found])


def _mixture(kernels, most):
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError as error:
        raise ImportError(
            "Fitting mixtures needs scikit-learn: pip install keraslight[visualize]"
        ) from error
    values = kernels.values.reshape(-1, kernels.values.shape[-1]).astype("float64")
    sizes = np.sqrt((values**2).mean(axis=0))
    samples = (values[:, sizes > 0] / sizes[sizes > 0]).reshape(-1, 1)
    samples = np.random.default_rng(0).permutation(samples)[:MOST_WEIGHTS]
    if len(samples) <= most or np.ptp(samples) < 1e-6:
        return LayerMixture(kernels.layer, kernels.strides, (1.0,), (0.0,), (1.0,), 0.0)
    fits = [
        GaussianMixture(count, random_state=0, reg_covar=1e-4).fit(samples)
        for count in range(1, most + 1)
    ]
    criteria = [fit.bic(samples) for fit in fits]
    best = fits[int(np.argmin(criteria))]
    order = np.argsort(-best.weights_)
    return LayerMixture(
        kernels.layer,
        kernels.strides,
        tuple(best.weights_[order].tolist()),
        tuple(best.means_[order, 0].tolist()),
        tuple(np.sqrt(best.covariances_[order, 0, 0]).tolist()),
        float((criteria[0] - min(criteria)) / (2 * len(samples))),
    )
