"""The fixed kernels that learned kernels are compared with."""

import functools
from dataclasses import dataclass

import numpy as np

from keraslight.layers.edge_depthwise_conv2d import (
    ANTIDIAGONAL,
    DIAGONAL,
    LAPLACE_4,
    LAPLACE_8,
    SOBEL_X,
    SOBEL_Y,
)
from keraslight.layers.fixed_depthwise_conv2d import gaussian_kernel

KINDS = ("identity", "gaussian", "edge")
# kernels that are like none of them, and kernels that weight decay made zero
NONE, ZERO = "none", "zero"
SIGMAS = (0.6, 0.8, 1.1, 1.5, 2.0, 3.0)
EDGES = {
    "sobel_y": SOBEL_Y,
    "sobel_x": SOBEL_X,
    "laplace_8": LAPLACE_8,
    "laplace_4": LAPLACE_4,
    "diagonal": DIAGONAL,
    "antidiagonal": ANTIDIAGONAL,
}
# a kernel counts as zero if its norm is below this share of the largest norm in its layer
NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class Pattern:
    """A fixed kernel.

    Attributes:
        name: str.
        kind: str, one of `KINDS`.
        kernel: array of shape `(size, size)`.
    """

    name: str
    kind: str
    kernel: np.ndarray


@functools.cache
def patterns(size: int) -> tuple[Pattern, ...]:
    """Returns the fixed kernels of a size: the identity, Gaussians, and edge detectors.

    The edge detectors are those of VGNetF, padded with zeros to the size. From 5x5 on there are
    smoothed ones too, the derivatives of a Gaussian.

    Args:
        size: odd int, at least 3.
    """
    identity = np.zeros((size, size))
    identity[size // 2, size // 2] = 1
    margin = (size - 3) // 2
    return (
        Pattern("identity", "identity", identity),
        *(Pattern(f"gaussian_{s}", "gaussian", gaussian_kernel(s, size)) for s in SIGMAS),
        *(Pattern(name, "edge", np.pad(kernel, margin)) for name, kernel in EDGES.items()),
        *(_smoothed_edges(size) if size > 3 else ()),
    )


def _smoothed_edges(size):
    sigma = size / 5
    blur = gaussian_kernel(sigma, size)
    y, x = np.indices((size, size)) - size // 2
    laplace = blur * (x**2 + y**2 - 2 * sigma**2)
    kernels = {
        "smooth_y": y * blur,
        "smooth_x": x * blur,
        "smooth_diagonal": (x + y) * blur,
        "smooth_antidiagonal": (y - x) * blur,
        "smooth_laplace": laplace - laplace.mean(),
    }
    return (Pattern(name, "edge", kernel) for name, kernel in kernels.items())


@dataclass(frozen=True)
class Match:
    """The fixed kernels that are nearest to the kernels of a layer.

    Attributes:
        names: list of str, the name of the nearest pattern of each kernel.
        kinds: list of str, the kind of that pattern; `"none"` if it is not near enough, `"zero"` if
            the kernel is zero.
        similarities: array, the absolute values of the cosines.
        projections: array of shape `(height, width, kernels)`: of each kernel, the nearest multiple
            of its pattern.
    """

    names: list[str]
    kinds: list[str]
    similarities: np.ndarray
    projections: np.ndarray


def match(kernels: np.ndarray, threshold: float) -> Match:
    """Finds the nearest fixed kernel of each kernel, regardless of scale and sign.

    Args:
        kernels: array of shape `(size, size, kernels)`.
        threshold: float, the smallest cosine similarity that counts as near.

    Raises:
        ValueError: if the threshold is not between 0 and 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(
            "`threshold` is a cosine similarity, above 0 and at most 1. "
            f"Received: threshold={threshold!r}"
        )
    known = patterns(kernels.shape[0])
    units = np.stack([pattern.kernel.ravel() for pattern in known])
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    flat = kernels.reshape(-1, kernels.shape[-1]).astype("float64")
    norms = np.linalg.norm(flat, axis=0)
    products = units @ flat
    nearest = np.abs(products).argmax(axis=0)
    lengths = products[nearest, np.arange(len(nearest))]
    similarities = np.abs(lengths) / np.maximum(norms, np.finfo("float64").tiny)
    is_zero = norms <= NEGLIGIBLE * norms.max()
    kinds = [
        ZERO if zero else known[index].kind if near else NONE
        for zero, index, near in zip(is_zero, nearest, similarities >= threshold, strict=True)
    ]
    projections = (units[nearest] * lengths[:, None]).T.reshape(kernels.shape)
    return Match([known[i].name for i in nearest], kinds, similarities, projections)


def can_match(kernels: np.ndarray) -> bool:
    """Tells whether there are fixed kernels of this size: square, odd, at least 3x3."""
    height, width, _ = kernels.shape
    return height == width and height % 2 == 1 and height >= 3
