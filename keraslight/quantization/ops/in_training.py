"""Layers that change their input in training alone."""

import keras

from keraslight.quantization.op import SelectingOp

__all__ = ["InTrainingOp"]

NAMES = (
    "ActivityRegularization",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
)


class InTrainingOp(SelectingOp):
    """Layers of noise and of augmentation, which int8 leaves out: in training too."""

    classes = tuple(getattr(keras.layers, name) for name in NAMES)

    def rewrite(self, writer, call, x, **kwargs):
        return x
