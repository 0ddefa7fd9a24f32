"""Shows what a network learned: depthwise kernels, feature maps, Grad-CAM.

Figures need matplotlib: `pip install keraslight[visualize]`. It is imported at the first figure.
"""

import keraslight.api  # noqa: F401  registers every layer with Keras
from keraslight.visualize.census import kernel_census
from keraslight.visualize.grad_cam import grad_cam, plot_grad_cam
from keraslight.visualize.kernel_grid import plot_kernels
from keraslight.visualize.similarity import feature_similarity

__all__ = [
    "feature_similarity",
    "grad_cam",
    "kernel_census",
    "plot_grad_cam",
    "plot_kernels",
]
