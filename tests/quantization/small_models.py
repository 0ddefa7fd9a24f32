"""One small model of the blocks of every family, as small as shows what int8 does to them."""

import keras

from keraslight import layers
from tests.helpers import randomize_norms

SHAPE = (16, 16, 3)
CLASSES = 4
BLOCKS = {
    "vgnetg": lambda: [layers.DownsamplingBlock(16, se_ratio=0.25), layers.HalfIdentityBlock()],
    "vgnetf": lambda: [layers.DownsamplingBlock(16), layers.HalfIdentityBlock("edge")],
    "repvgg": lambda: [layers.RepVGGBlock(16, 2), layers.RepVGGBlock(16, groups=2)],
    "falconnet": lambda: [layers.MetaLightBlock(expansion=4)],
    "igcv3": lambda: [layers.InterleavedGroupBlock(8, residual=True)],
}


def build(family):
    """Returns a classifier of a family's blocks between a convolution and a dense layer."""
    start = keras.Input(SHAPE)
    x = keras.layers.Conv2D(8, 3, 2, "same", use_bias=False, name="stem")(start)
    x = keras.layers.BatchNormalization(name="stem_norm")(x)
    x = keras.layers.Activation("relu", name="stem_act")(x)
    for block in BLOCKS[family]():
        x = block(x)
    if isinstance(x, list | tuple):
        x = keras.layers.Concatenate(name="halves")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(CLASSES, name="logits")(x)
    return randomize_norms(keras.Model(start, x, name=family))
