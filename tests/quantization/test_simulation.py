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


def activated(name):
    return lambda x: keras.layers.Activation(name)(keras.layers.Dense(3)(x))


OPERATIONS = {
    "dense": lambda x: keras.layers.Dense(3)(x),
    "add": lambda x: keras.layers.Dense(3)(x) + keras.layers.Dense(3)(x),
    "multiply": lambda x: keras.layers.Dense(3)(x) * keras.layers.Dense(3)(x),
    "gelu": activated("gelu"),
    "silu": activated("silu"),
    "hard_silu": activated("hard_silu"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_learned_ranges_get_the_gradient_of_what_they_clip(name):
    start = keras.Input((4,))
    model = keras.Model(start, OPERATIONS[name](start))
    quantized = keraslight.quantize_model(model, ranges="learned")
    x = images(256, 4)
    keraslight.calibrate(quantized, [x], method="minmax", bias_correction=False, verbose=0)
    quantizer = quantized.quantizers[-1]
    low, high = (end / 3 for end in quantizer.range)
    values = outputs(quantized, x)[0]
    quantizer.set_range(low, high)
    by_path = dict(
        zip(
            (weight.path for weight in quantized.trainable_weights),
            gradients(quantized, x, np.zeros((256, 3), "float32")),
            strict=True,
        )
    )
    # of the mean square of values clipped to [low, high]
    expected = {
        "minimum": 2 * low * (values < low).mean(),
        "maximum": 2 * high * (values > high).mean(),
    }
    for end, gradient in expected.items():
        found = by_path[f"{quantizer.name}/{end}"]
        np.testing.assert_allclose(found, gradient, rtol=0.1, atol=0.02 * high)


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


def test_models_of_any_size_compute_pictures_of_all_sizes():
    start = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(start))
    quantized = keraslight.quantize_model(keras.Model(start, x))
    keraslight.calibrate(quantized, [images(2, 12, 12, 3)], verbose=0)
    for side in (8, 10, 12):
        received = quantized.predict(images(2, side, side, 3), verbose=0)
        exact = keraslight.exact_model(quantized).predict(images(2, side, side, 3), verbose=0)
        np.testing.assert_array_equal(received, exact)


def test_a_model_without_ranges_does_not_predict():
    start = keras.Input((4,))
    quantized = keraslight.quantize_model(keras.Model(start, keras.layers.Dense(3)(start)))
    for use in (quantized.predict, quantized.evaluate):
        with pytest.raises(ValueError, match="not calibrated"):
            use(images(2, 4), verbose=0)


def test_inputs_are_told_apart_by_their_names():
    inputs = {name: keras.Input((4,), name=name) for name in ("b", "a")}
    a, b = keras.layers.Dense(3)(inputs["a"]), keras.layers.Dense(3)(inputs["b"])
    model = keras.Model([inputs["b"], inputs["a"]], keras.layers.Subtract()([a, b]))
    quantized = keraslight.quantize_model(model)
    x = {"a": images(8, 4), "b": 3 * images(8, 4, seed=1)}
    keraslight.calibrate(quantized, [x], bias_correction=False, verbose=0)
    (expected,), (received,) = outputs(model, x), outputs(quantized, x)
    assert np.abs(expected - received).max() < 0.05 * np.abs(expected).max()
    np.testing.assert_array_equal(outputs(keraslight.exact_model(quantized), x)[0], received)


def test_half_precision_is_not_that_of_the_integers():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        start = keras.Input(SHAPE)
        x = keras.layers.Conv2D(4, 3, activation="relu")(start)
        model = keras.Model(start, keras.layers.GlobalAveragePooling2D()(x))
        quantized = quantized_of(model)
        x = images(8, *SHAPE)
        (received,) = outputs(quantized, x)
        (exact,) = outputs(keraslight.exact_model(quantized), x)
    finally:
        keras.config.set_dtype_policy("float32")
    assert received.dtype == exact.dtype == np.float32
    np.testing.assert_array_equal(received, exact)
    assert np.abs(outputs(model, x)[0] - received).max() < 0.05


def test_an_exact_model_is_not_saved(tmp_path):
    quantized = quantized_of(keraslight.fuse(build("repvgg")))
    with pytest.raises(ValueError, match="save the quantized model"):
        keraslight.exact_model(quantized).save(tmp_path / "exact.keras")
