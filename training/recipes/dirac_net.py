"""DiracNet for small images, and the networks that it is compared with.

A 3x3 convolution with 16 channels, then three groups of `2 * (depth - 4) / 6` blocks with 16, 32
and 64 times the width, and a max pooling between the groups. A block is ReLU, a 3x3 convolution and
BatchNormalization. The network has no skip connection; its Dirac convolutions have one in their
kernels.

Reference: DiracNets: Training Very Deep Neural Networks Without Skip-Connections, 2017
(https://arxiv.org/abs/1706.00388), version 2.
"""

import keras

from keraslight.layers import DiracConv2D

CHANNELS = (16, 32, 64)


def dirac_net(
    classes, input_shape, classifier_activation, depth: int = 28, width: int = 1, block="dirac"
) -> keras.Model:
    """Builds the network.

    Args:
        classes, input_shape, classifier_activation: as in keras.applications.
        depth: int, 6 n + 4.
        width: int, the factor of the channels of the three groups.
        block: `"dirac"`, `"plain"` for plain convolutions, or `"residual"` for plain convolutions
            with a skip connection around every two.
    """
    if (depth - 4) % 6 or depth < 10:
        raise ValueError(f"`depth` must be 6 n + 4. Received: depth={depth!r}")
    if block not in ("dirac", "plain", "residual"):
        raise ValueError(
            f"`block` must be 'dirac', 'plain' or 'residual'. Received: block={block!r}"
        )
    inputs = keras.Input(input_shape, name="images")
    x = _normalized(_conv(CHANNELS[0], "plain")(inputs))
    for group, channels in enumerate(CHANNELS):
        if group:
            x = keras.layers.MaxPooling2D(2)(x)
        for index in range(2 * (depth - 4) // 6):
            if index % 2 == 0:
                start = x
            x = _normalized(_conv(channels * width, block)(keras.layers.ReLU()(x)))
            if block == "residual" and index % 2 and start.shape == x.shape:
                x = keras.layers.Add()([start, x])
    x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(x)
    return keras.Model(inputs, outputs, name=f"{block}_net_{depth}_{width}")


def _conv(filters, block):
    if block == "dirac":
        return DiracConv2D(filters, 3)
    return keras.layers.Conv2D(
        filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
    )


def _normalized(x):
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
