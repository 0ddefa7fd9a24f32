"""keraslight: light-weight, re-parameterizable CNN backbones for mobile devices on Keras 3."""

from keraslight import layers
from keraslight.models.light_model import LightModel
from keraslight.models.registry import create_model, list_models
from keraslight.models.vgnet import VGNetC, VGNetF, VGNetG
from keraslight.reparam.fuse import fuse
from keraslight.weights.checkpoint import load_checkpoint

__all__ = [
    "LightModel",
    "VGNetC",
    "VGNetF",
    "VGNetG",
    "create_model",
    "fuse",
    "layers",
    "list_models",
    "load_checkpoint",
]
