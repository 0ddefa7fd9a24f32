"""Compares a .tflite file with the Keras model it was made from, channel by channel."""

import os
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.tflite.runner import TFLiteRunner

TINY = 1e-30
CONSTANT = 1e-6  # of full scale: less is rounding
# how many times as large as the error the deviation of a gain may be
GAIN_PER_ERROR = 3
# a channel that varies less than this share of the full scale says little about its gain
LEAST_SIGNAL = 0.05


@dataclass(frozen=True)
class Check:
    """How a file's outputs compare with those of the Keras model.

    Attributes:
        error: float, the root of the mean squared difference of the channel where it is largest, as
            a share of the full scale: the greatest output, or the range of an integer output where
            that is greater.
        gain_error: float, by how much the gain of a channel differs from 1, for the channel where
            it differs most. Rounding averages out here; wrong weights or scales do not.
        signal_to_noise_db: float, of all outputs; `None` if the Keras model's are the same for
            every picture, so that the check proves little.
        top1: float, the share of pictures whose greatest output is the same one.
        images: int, on how many pictures.
    """

    error: float
    gain_error: float
    signal_to_noise_db: float | None
    top1: float
    images: int

    def is_within(self, max_error: float) -> bool:
        """Tells whether both errors are within what an error allows."""
        return self.error <= max_error and self.gain_error <= GAIN_PER_ERROR * max_error


def compare(model: keras.Model, path: str | os.PathLike, images: np.ndarray, inputs=None) -> Check:
    """Runs the file and the Keras model on the same pictures, and compares channel by channel.

    Args:
        model: the Keras model.
        path: path of the file.
        images: float array, as the Keras model takes it.
        inputs: optional array, as the file takes it, where that differs, as pixels.
    """
    runner = TFLiteRunner(path)
    expected = keras.ops.convert_to_numpy(model.predict(images, verbose=0)).astype("float64")
    found = runner.predict(images if inputs is None else inputs).astype("float64")
    channels = expected.shape[-1]
    difference = (found - expected).reshape(-1, channels)
    full_scale = max(np.abs(expected).max(), TINY)
    if np.issubdtype(runner.output["dtype"], np.integer):
        levels = 2 ** (8 * np.dtype(runner.output["dtype"]).itemsize) - 1
        full_scale = max(full_scale, runner.output["quantization"][0] * levels)
    signal = expected.reshape(-1, channels)
    signal = signal - signal.mean(axis=0)
    power = np.maximum((signal**2).mean(axis=0), (LEAST_SIGNAL * full_scale) ** 2)
    varies = expected.std(axis=0).max() > CONSTANT * full_scale
    one, other = (y.reshape(len(images), -1).argmax(axis=1) for y in (expected, found))
    return Check(
        error=float(np.sqrt((difference**2).mean(axis=0).max()) / full_scale),
        gain_error=float(np.abs((difference * signal).mean(axis=0) / power).max()),
        signal_to_noise_db=signal_to_noise_db(expected, found) if varies else None,
        top1=float((one == other).mean()),
        images=len(images),
    )


def signal_to_noise_db(signal: np.ndarray, received: np.ndarray) -> float:
    """Returns the ratio of a signal's variance to the mean squared error of what was received."""
    noise = max(np.mean((signal - received) ** 2), TINY)
    return float(10 * np.log10(max(signal.var(), TINY) / noise))
