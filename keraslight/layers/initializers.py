"""Initializers of the published implementations: uniform between -+ 1 / sqrt(fan in)."""

import keras


def conv_initializer() -> keras.initializers.Initializer:
    """Returns the initializer of a convolution or a dense layer."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def depthwise_initializer(height: int, width: int | None = None) -> keras.initializers.Initializer:
    """Returns the initializer of a depthwise convolution, whose fan-in is its number of taps."""
    limit = (height * (height if width is None else width)) ** -0.5
    return keras.initializers.RandomUniform(-limit, limit)


def grouped_initializer(fan_in: int) -> keras.initializers.Initializer:
    """Returns the initializer of a weight of any shape with `fan_in` inputs to each output."""
    return keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
