"""Two classifiers: their mean, both apart, and what they fuse to."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight import layers as kl
from tests.helpers import images, outputs, randomize_norms, relative_error


def build(**kwargs):
    start = keras.Input((16,))
    return keras.Model(start, kl.DistilledDense(5, **kwargs)(start))


def test_the_output_is_the_softmax_of_the_mean_of_both():
    model = randomize_norms(build(activation="softmax"))
    apart = build(separate=True)
    apart.set_weights(model.get_weights())
    x = images(3, 16)
    labels, teacher = outputs(apart, x)
    assert np.abs(labels - teacher).max() > 0.1
    expected = keras.ops.softmax((labels + teacher) / 2)
    np.testing.assert_allclose(outputs(model, x)[0], expected, atol=1e-6)


@pytest.mark.parametrize(("separate", "count"), [(False, 1), (True, 2)])
def test_both_fuse_to_one_dense_layer_and_those_apart_to_two(separate, count):
    model = randomize_norms(build(separate=separate))
    fused = keraslight.fuse(model)
    assert relative_error(model, fused, images(3, 16)) <= 1e-5
    assert sum(isinstance(layer, keras.layers.Dense) for layer in fused.layers) == count
