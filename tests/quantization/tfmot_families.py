"""Takes every family through tfmot and back; run by test_tfmot.py in a process of its own.

tfmot switches `tf.keras` to tf_keras in its process, for good.
"""

import pathlib
import sys

import keras
import numpy as np
import tf_keras

import keraslight
from keraslight.tflite.runner import TFLiteRunner
from tests.export.files import kernels, operations, tensor_types
from tests.helpers import images, outputs
from tests.quantization.small_models import CLASSES, SHAPE, build


def takes_the_way(model, folder):
    """Quantizes, calibrates, trains, exports and runs a model."""
    x, labels = images(16, *SHAPE), np.arange(16) % CLASSES
    native = keraslight.quantize_model(model)
    keraslight.calibrate(native, [x], method="minmax", bias_correction=False, verbose=0)
    expected = outputs(native, x)[0]
    twin = keraslight.to_tfmot(native)
    assert isinstance(twin, tf_keras.Model)
    # all but the rounding of biases is the same
    assert_near(twin(x).numpy(), expected)

    before = [weight.numpy() for weight in twin.trainable_weights]
    twin.compile(
        tf_keras.optimizers.legacy.Adam(1e-4, epsilon=1e-20),
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    twin.fit(x, labels, verbose=0)
    for weight, old in zip(twin.trainable_weights, before, strict=True):
        assert (weight.numpy() != old).any(), weight.name

    path = keraslight.export_tflite(twin.to_keras(), folder / f"{model.name}.tflite", "int8")
    assert tensor_types(path) <= {"INT8", "INT32"}
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(operations(path))
    for operation, kernel in kernels(path):
        several = len(set(kernel.quantization.scale)) > 1
        assert several == (operation != "FULLY_CONNECTED"), kernel.name
    received = TFLiteRunner(path).predict(x)
    assert_near(twin(x).numpy(), received)
    np.testing.assert_array_equal(outputs(keraslight.exact_model(twin.to_keras()), x)[0], received)


def assert_near(received, expected):
    assert np.abs(received - expected).max() <= 0.05 * np.abs(expected).max()


def average_follows_the_data():
    start = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False)(start)
    model = keras.Model(start, keras.layers.Activation("silu")(x))
    quantized = keraslight.quantize_model(model, ranges="average")
    x = images(4, 8, 8, 3)
    refused("keraslight.calibrate", keraslight.to_tfmot(quantized).fit, x)
    keraslight.calibrate(quantized, [x], verbose=0)
    twin = keraslight.to_tfmot(quantized)
    before = [q.range for q in twin.to_keras().quantizers]
    twin.compile(tf_keras.optimizers.SGD(0.0), "mse")
    twin.fit(3 * x, np.zeros((4, 6, 6, 4)), verbose=0)
    after = [q.range for q in twin.to_keras().quantizers]
    moved = [a != b for a, b in zip(before, after, strict=True)]
    assert moved == [q.fixed_range is None for q in twin.to_keras().quantizers]


def is_refused():
    start = keras.Input((None, None, 3))
    anysize = keras.Model(start, keras.layers.Conv2D(4, 3)(start))
    refused("one size", keraslight.to_tfmot, keraslight.quantize_model(anysize))


def refused(message, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except ValueError as error:
        assert message in str(error), error
    else:
        raise AssertionError(f"not refused: {message}")


def main(folder, *families):
    average_follows_the_data()
    is_refused()
    for family in families:
        keras.utils.set_random_seed(0)
        takes_the_way(keraslight.fuse(build(family)), pathlib.Path(folder))
        print(f"carried {family}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
