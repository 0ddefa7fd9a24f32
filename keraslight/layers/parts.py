"""Built-in layers with the settings all published networks here share."""

import keras

from keraslight.layers.initializers import conv_initializer, depthwise_initializer

NORM_EPSILON = 1e-5
NORM_MOMENTUM = 0.9


def batch_normalization(**kwargs) -> keras.layers.BatchNormalization:
    """Returns a BatchNormalization of channels with the constants of the published networks."""
    return keras.layers.BatchNormalization(
        axis=-1, **{"epsilon": NORM_EPSILON, "momentum": NORM_MOMENTUM, **kwargs}
    )


def conv2d(filters: int, kernel_size=1, strides: int = 1, **kwargs) -> keras.layers.Conv2D:
    """Returns a convolution without bias, padded with zeros to `"same"` unless said otherwise."""
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        **{
            "padding": "same",
            "use_bias": False,
            "kernel_initializer": conv_initializer(),
            "data_format": "channels_last",
            **kwargs,
        },
    )


def zero_padding(pixels, **kwargs) -> keras.layers.ZeroPadding2D:
    """Returns a layer that puts zeros around images."""
    return keras.layers.ZeroPadding2D(pixels, data_format="channels_last", **kwargs)


def depthwise_conv2d(strides: int = 1, **kwargs) -> keras.layers.DepthwiseConv2D:
    """Returns a depthwise 3x3 convolution, without bias unless said otherwise.

    At stride 1 it pads with zeros to `"same"`; above, its input is to be padded by one.
    """
    return keras.layers.DepthwiseConv2D(
        3,
        strides,
        padding="same" if strides == 1 else "valid",
        depthwise_initializer=depthwise_initializer(3),
        data_format="channels_last",
        **{"use_bias": False, **kwargs},
    )


def strided_shape(input_shape, strides: int, channels: int):
    """Returns the output shape of a layer that pads as much as its kernel sticks out."""
    batch, *sides, _ = input_shape
    sides = [None if side is None else -(-side // strides) for side in sides]
    return (batch, *sides, channels)
