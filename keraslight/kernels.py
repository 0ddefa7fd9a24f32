"""Kernel algebra and helpers for the `deploy` of a re-parameterizable layer of your own."""

from keraslight.graph.copies import call_with_weights, clone_with_weights
from keraslight.graph.kernels import (
    as_dense,
    centred,
    fold_norm,
    identity_kernel,
    norm_scale_shift,
    response,
    scale_inputs,
)

__all__ = [
    "as_dense",
    "call_with_weights",
    "centred",
    "clone_with_weights",
    "fold_norm",
    "identity_kernel",
    "norm_scale_shift",
    "response",
    "scale_inputs",
]
