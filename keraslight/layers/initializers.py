"""The initial weights of the published implementations: uniform within 1 / sqrt(fan in)."""

import keras


def conv_initializer() -> keras.initializers.Initializer:
    """Returns the initializer of a convolution or a dense layer."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def depthwise_initializer(kernel_size: int) -> keras.initializers.Initializer:
    """Returns the initializer of a depthwise convolution, whose fan-in is `kernel_size ** 2`."""
    return keras.initializers.RandomUniform(-1 / kernel_size, 1 / kernel_size)
