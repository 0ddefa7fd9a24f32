"""Shows what a network learned and costs: kernels, feature maps, channels, Grad-CAM.

Figures need matplotlib: `pip install keraslight[visualize]`. It is imported at the first figure.
"""

import keraslight.api  # noqa: F401  registers every layer with Keras
from keraslight.visualize.census import kernel_census
from keraslight.visualize.cost_shares import cost_shares
from keraslight.visualize.grad_cam import grad_cam, plot_grad_cam
from keraslight.visualize.kernel_grid import plot_kernels
from keraslight.visualize.kernel_magnitude import kernel_magnitude
from keraslight.visualize.kernel_mixtures import kernel_mixtures
from keraslight.visualize.receptive_range import limit_receptive_range, receptive_ranges
from keraslight.visualize.repeated_maps import repeated_maps
from keraslight.visualize.similarity import feature_similarity

__all__ = [
    "cost_shares",
    "feature_similarity",
    "grad_cam",
    "kernel_census",
    "kernel_magnitude",
    "kernel_mixtures",
    "limit_receptive_range",
    "plot_grad_cam",
    "plot_kernels",
    "receptive_ranges",
    "repeated_maps",
]
