"""A plain network of 3x3 convolutions in the forms it can be trained in.

Depths are RepVGG-A0's, widths a third of A0's, which brings it to the multiply-accumulates of
VGNetG-1.0MP. Whatever block it is trained with, the fused network is the same, so accuracies
compare the blocks alone.
"""

import keras

from keraslight.layers import ACBConv2D, DiracConv2D, QARepVGGBlock, RepVGGBlock

WIDTHS = (16, 32, 64, 424)
DEPTHS = (2, 4, 14, 1)


def small_net(classes, input_shape, classifier_activation, block: str) -> keras.Model:
    """Builds the network.

    Args:
        classes, input_shape, classifier_activation: as in keras.applications.
        block: `"conv"` for convolution and BatchNormalization, `"acb"`, `"repvgg"`, `"qa"` or
            `"dirac"`.
    """
    layer = BLOCKS[block]
    inputs = keras.Input(input_shape, name="images")
    x = layer(WIDTHS[0], 2)(inputs)
    for filters, depth in zip(WIDTHS, DEPTHS, strict=True):
        for number in range(depth):
            x = layer(filters, 1 if number else 2)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(x)
    return keras.Model(inputs, outputs, name=f"small_{block}")


def conv(filters, strides):
    """Returns a 3x3 convolution, BatchNormalization and ReLU."""
    return normalized(
        keras.layers.Conv2D(filters, 3, strides, use_bias=False, kernel_initializer="he_normal")
    )


def dirac(filters, strides):
    """Returns a Dirac convolution, BatchNormalization and ReLU."""
    return normalized(DiracConv2D(filters, 3, strides, padding="valid"))


def normalized(convolution):
    """Returns a 3x3 convolution, BatchNormalization and ReLU; zeros on all sides, as the blocks."""
    return keras.Sequential(
        [
            keras.layers.ZeroPadding2D(1),
            convolution,
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            keras.layers.ReLU(),
        ]
    )


def acb(filters, strides):
    """Returns an asymmetric convolution block with ReLU."""
    return ACBConv2D(filters, 3, strides, activation="relu")


BLOCKS = {
    "conv": conv,
    "acb": acb,
    "repvgg": RepVGGBlock,
    "qa": QARepVGGBlock,
    "dirac": dirac,
}
