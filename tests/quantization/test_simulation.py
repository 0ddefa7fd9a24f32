"""What a quantized model computes and trains: the integers of its file, with useful gradients."""

import keras
import numpy as np
import pytest

import keraslight
from tests.helpers import images, outputs
from tests.quantization.small_models import BLOCKS, CLASSES, SHAPE, build


def quantized_of(fused, **kwargs):
    quantized = keraslight.quantize_model(fused, **kwargs)
    batches = [images(8, *SHAPE)]
    return keraslight.calibrate(quantized, batches, bias_correction=False, verbose=0)


def gradients(model, x, target):
    """Returns the gradients of a squared error for all trainable weights."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = keras.ops.mean(keras.ops.square(model(x, training=True) - target))
    return tape.gradient(loss, [weight.value for weight in model.trainable_weights])


@pytest.mark.parametrize("family", BLOCKS)
def test_it_computes_what_the_exact_model_computes(family):
    quantized = quantized_of(keraslight.fuse(build(family)))
    x = 1.2 * images(8, *SHAPE, seed=1)
    (exact,) = outputs(keraslight.exact_model(quantized), x)
    assert len(np.unique(exact)) > 10
    np.testing.assert_array_equal(outputs(quantized, x)[0], exact)
    np.testing.assert_array_equal(np.asarray(quantized(x, training=True)), exact)
    np.testing.assert_array_equal(quantized.predict(x, verbose=0), exact)


@pytest.mark.parametrize("family", BLOCKS)
def test_its_gradients_are_near_those_of_the_float_model(family):
    fused = keraslight.fuse(build(family))
    quantized = quantized_of(fused)
    x, target = images(64, *SHAPE), images(64, CLASSES, seed=1)
    pairs = zip(gradients(quantized, x, target), gradients(fused, x, target), strict=True)
    for weight, (one, other) in zip(quantized.trainable_weights, pairs, strict=True):
        one, other = np.ravel(one), np.ravel(other)
        cosine = one @ other / np.sqrt((one @ one) * (other @ other))
        assert cosine > 0.9, weight.path


def test_learned_ranges_get_the_gradient_of_what_they_clip():
    start = keras.Input((4,))
    model = keras.Model(start, keras.layers.Dense(3, name="dense")(start))
    quantized = keraslight.quantize_model(model, ranges="learned")
    x = images(64, 4)
    keraslight.calibrate(quantized, [x], method="minmax", bias_correction=False, verbose=0)
    (low, high), quantizer = (-0.5, 0.75), quantized.quantizers[-1]
    values = outputs(quantized, x)[0]
    quantizer.set_range(low, high)
    by_path = dict(
        zip(
            (weight.path for weight in quantized.trainable_weights),
            gradients(quantized, x, np.zeros((64, 3), "float32")),
            strict=True,
        )
    )
    # of the mean square of values clipped to [low, high]
    expected = {
        "minimum": 2 * low * (values < low).mean(),
        "maximum": 2 * high * (values > high).mean(),
    }
    for end, gradient in expected.items():
        np.testing.assert_allclose(by_path[f"{quantizer.name}/{end}"], gradient, rtol=0.05)


def test_nothing_is_clipped_where_relu_ends_at_zero():
    start = keras.Input((4,))
    model = keras.Model(start, keras.layers.Dense(3, activation="relu", name="dense")(start))
    quantized = keraslight.quantize_model(model, ranges="learned")
    x = images(64, 4)
    keraslight.calibrate(quantized, [x], method="minmax", bias_correction=False, verbose=0)
    found = gradients(quantized, x, np.ones((64, 3), "float32"))
    for weight, gradient in zip(quantized.trainable_weights, found, strict=True):
        if weight.path == f"{quantized.quantizers[-1].name}/minimum":
            assert gradient is None or float(gradient) == 0


def test_gradients_reach_the_input_at_inference():
    import tensorflow as tf

    quantized = quantized_of(keraslight.fuse(build("repvgg")))
    x = tf.constant(images(2, *SHAPE))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = keras.ops.sum(quantized(x, training=False))
    assert np.abs(tape.gradient(total, x)).max() > 0
