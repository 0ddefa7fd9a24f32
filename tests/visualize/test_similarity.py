"""Feature maps whose similarity is hard to measure."""

import keras
import numpy as np
import pytest

from keraslight.visualize import feature_similarity, grad_cam

L = keras.layers


def test_pixels_are_sampled_from_all_columns():
    """Two maps that differ in three columns of four, of more pixels than are sampled."""
    inputs = L.Input((128, 128, 1))
    first = L.ReLU(name="first")(inputs)
    mask = np.tile([0.0, 1, 1, 1], 32)[None, None, :, None].astype("float32")
    noise = np.random.default_rng(0).normal(0, 1, (1, 128, 128, 1)).astype("float32")
    second = L.ReLU(name="second")(first * (1 - mask) + mask * np.abs(noise))
    image = np.random.default_rng(1).uniform(0, 1, (128, 128, 1))
    (pair,) = feature_similarity(keras.Model(inputs, second), image).pairs
    assert pair.similarity < 0.6


def test_maps_of_one_pixel_are_not_compared():
    model = keras.Sequential([L.Input((1, 1, 2)), L.ReLU(), L.ReLU()])
    with pytest.raises(ValueError, match="larger than one pixel"):
        feature_similarity(model, np.ones((1, 1, 2)))
    (pair,) = feature_similarity(model, np.random.default_rng(0).uniform(0, 1, (8, 1, 1, 2))).pairs
    assert pair.repeated == 1


@pytest.mark.parametrize("softmax", [L.Softmax(), L.Activation("softmax")])
def test_grad_cam_sees_through_a_softmax_layer_that_saturates(softmax):
    model = keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(2, 1), L.GlobalAveragePooling2D()])
    model.layers[0].set_weights([np.array([[[[200.0, -200]]]]), np.zeros(2)])
    image = np.zeros((8, 8, 1))
    image[2:4, 2:4] = 100
    logits = grad_cam(model, image, 0)
    model.add(softmax)
    np.testing.assert_allclose(grad_cam(model, image, 0), logits, atol=1e-6)
    assert logits.max() == 1
