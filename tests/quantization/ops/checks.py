"""What every operation in int8 is tested for."""

import keras
import numpy as np

import keraslight
from tests.export.files import operations, tensor_types
from tests.helpers import images, outputs, signal_to_noise
from tflite.runner import TFLiteRunner

SHAPE = (7, 7, 8)


def model_of(make, shape=SHAPE):
    """Returns a model that applies `make` to the output of a convolution."""
    start = keras.Input(shape)
    # what a layer reads is no input of the model, which is rounded in another way
    return keras.Model(start, make(keras.layers.Conv2D(8, 1, name="first")(start)))


def randomize_biases(model, low=-0.3, high=0.3):
    for weight in model.weights:
        if weight.path.endswith("bias"):
            weight.assign(np.linspace(low, high, weight.shape[0]))


def quantized_of(model, **kwargs):
    quantized = keraslight.quantize_model(model, **kwargs)
    x = images(6, *model.input_shape[1:])
    return keraslight.calibrate(quantized, [x], bias_correction=False, verbose=0)


def assert_exact(model, path):
    """Checks that integers and file are equal, and that the file is near to the float model.

    Args:
        model: the float model.
        path: where to write the file.

    Returns:
        The names of the operations in the file.
    """
    quantized = quantized_of(model)
    keraslight.export_tflite(quantized, path)
    assert tensor_types(path) <= {"INT8", "INT32"}
    x = images(6, *model.input_shape[1:])
    received = TFLiteRunner(path).predict(1.2 * x)  # so that values are clipped
    np.testing.assert_array_equal(outputs(keraslight.exact_model(quantized), 1.2 * x)[0], received)
    assert signal_to_noise(outputs(model, x)[0], TFLiteRunner(path).predict(x)) > 25
    return operations(path)


def assert_trains(model):
    """Checks that one step of training changes all weights."""
    quantized = quantized_of(model)
    x = images(4, *model.input_shape[1:])
    before = [np.asarray(weight).copy() for weight in quantized.trainable_weights]
    quantized.compile(keras.optimizers.Adam(epsilon=1e-20), "mse", run_eagerly=True)
    quantized.fit(x, 1 + outputs(model, x)[0], verbose=0)
    for weight, old in zip(quantized.trainable_weights, before, strict=True):
        assert np.abs(np.asarray(weight) - old).max() > 0, weight.path
