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
    """Returns a layer that puts zeros around images: `pixels`, or `(rows, columns)`, a side."""
    return keras.layers.ZeroPadding2D(pixels, data_format="channels_last", **kwargs)


def cropping(pixels, **kwargs) -> keras.layers.Cropping2D:
    """Returns a layer that cuts `pixels`, or `(rows, columns)`, off every side of images."""
    return keras.layers.Cropping2D(pixels, data_format="channels_last", **kwargs)


def padding_before(kernel_size: int, strides: int, **kwargs) -> keras.layers.ZeroPadding2D | None:
    """Returns the padding on all four sides before a strided convolution.

    At stride 1, and for a 1x1 convolution, it is `None`: there Keras's `"same"` pads the same way.
    """
    if strides == 1 or kernel_size == 1:
        return None
    return zero_padding(kernel_size // 2, **kwargs)


def padded(pad: keras.layers.ZeroPadding2D | None, images):
    """Returns images after the layer that `padding_before` returned."""
    return images if pad is None else pad(images)


def padded_shape(pad: keras.layers.ZeroPadding2D | None, shape):
    """Returns the shape of images after the layer that `padding_before` returned."""
    return shape if pad is None else pad.compute_output_shape(shape)


def depthwise_conv2d(strides: int = 1, kernel_size=3, **kwargs) -> keras.layers.DepthwiseConv2D:
    """Returns a depthwise convolution, without bias unless said otherwise.

    At stride 1 it pads with zeros to `"same"`. Above, its input must be padded, see
    `padding_before`.
    """
    sides = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    return keras.layers.DepthwiseConv2D(
        kernel_size,
        strides,
        **{
            "padding": "same" if strides == 1 else "valid",
            "use_bias": False,
            "depthwise_initializer": depthwise_initializer(*sides),
            "data_format": "channels_last",
            **kwargs,
        },
    )


def strided_shape(input_shape, strides: int, channels: int):
    """Returns the output shape of a strided convolution that pads half its kernel on every side."""
    batch, *sides, _ = input_shape
    sides = [None if side is None else -(-side // strides) for side in sides]
    return (batch, *sides, channels)
