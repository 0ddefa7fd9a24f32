"""Seeing what a network learned: its depthwise kernels, its features, what it looks at.

Pictures need matplotlib: `pip install keraslight[visualize]`. It is imported when one is drawn.
"""

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
