"""IGCV1 and IGCV2, the networks for small images that IGCV3 comes from.

Both are stacks of one convolution block: a 3x3 convolution, then three stages of equal depth with
1, 2 and 4 times the channels, of which the second and the third begin with stride 2. Every
convolution is followed by a BatchNormalization and ReLU. In place of a 3x3 convolution stands

- in IGCV1 a grouped 3x3 convolution of `L` partitions and a grouped 1x1 convolution across them;
- in IGCV2 a depthwise 3x3 convolution and several interleaved grouped 1x1 convolutions.

Their codes were not looked at. The channels are doubled by the 1x1 convolution of a normalized pair
before a stage, which is our choice: the blocks keep the number of channels.

References: Interleaved Group Convolutions for Deep Neural Networks, ICCV 2017
(https://arxiv.org/abs/1707.02725); IGCV2: Interleaved Structured Sparse Convolutional Neural
Networks, CVPR 2018 (https://arxiv.org/abs/1804.06202).
"""

import keras

from keraslight.layers import ConvNormAct, IGCV1Conv2D, IGCV2Conv2D

STAGES = 3


def igc_net(
    classes,
    input_shape,
    classifier_activation,
    block: str,
    channels: int,
    blocks: int,
    partitions: int = 4,
) -> keras.Model:
    """Builds the network.

    Args:
        classes, input_shape, classifier_activation: as in keras.applications.
        block: `"igcv1"`, `"igcv2"`, or `"conv"`, a dense 3x3 convolution, for comparison.
        channels: int, of the first stage.
        blocks: int, of each stage. The network is `3 * blocks + 2` layers deep.
        partitions: int, `L` of IGCV1.
    """
    inputs = keras.Input(input_shape, name="images")
    x = ConvNormAct(channels, 3, activation="relu", name="stem")(inputs)
    for stage in range(STAGES):
        if stage:
            channels *= 2
            x = ConvNormAct(channels, activation="relu", name=f"stage{stage + 1}_widen")(x)
        for index in range(blocks):
            strides = 2 if stage and index == 0 else 1
            name = f"stage{stage + 1}_block{index}"
            if block == "conv":
                x = ConvNormAct(channels, 3, strides, activation="relu", name=name)(x)
                continue
            if block == "igcv1":
                layer = IGCV1Conv2D(partitions, strides, name=name)
            else:
                layer = IGCV2Conv2D(balanced(channels), strides, name=name)
            x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(
                layer(x)
            )
            x = keras.layers.ReLU(name=f"{name}_act")(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(x)
    return keras.Model(inputs, outputs, name=block)


def balanced(channels: int) -> tuple[int, int]:
    """Returns two numbers of channels of branches, as equal as possible, whose product this is."""
    root = next(k for k in range(int(channels**0.5), 0, -1) if channels % k == 0)
    return channels // root, root
