"""RefCO's shortcut against computing every branch; the factors against a dense map."""

import keras
import numpy as np
import pytest

from keraslight.layers import RefCO, SparselyFactorizedConv2D
from keraslight.layers.factor_pair import FactorPair, FactorSizes, best_window
from tests.helpers import images
from training.studies.refco_cost.layer import RefCOBranchByBranch


@pytest.mark.parametrize(("channels", "filters"), [(16, 64), (64, 16), (32, 32)])
def test_shortcut_equals_computing_every_branch(channels, filters):
    """Outputs, statistics and gradients of one training step."""
    x, y = images(4, 6, 5, channels) + 0.5, images(4, 6, 5, filters, seed=1)
    models = []
    for layer in (RefCO(filters), RefCOBranchByBranch(filters)):
        start = keras.Input((6, 5, channels))
        model = keras.Model(start, layer(start))
        model.compile(keras.optimizers.SGD(1.0), "mse")
        models.append(model)
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.fit(x, y, batch_size=4, verbose=0)
    for a, b in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-5)


def test_windows_of_fewest_weights():
    """Expansion and projection of LightNet's stages with a reduction of 2 and an expansion of 4."""
    assert [best_window(c, 4 * c, 2) for c in (32, 64, 128, 256)] == [16, 16, 32, 32]
    assert [best_window(4 * c, c, 2) for c in (32, 64, 128, 256)] == [8, 8, 16, 16]


def test_every_output_depends_on_every_input_along_one_path():
    sizes = FactorSizes.of(12, 8, 6, 3)
    rng = np.random.default_rng(0)
    first = rng.normal(0, 1, (sizes.groups, sizes.window, sizes.hidden))
    second = rng.normal(0, 1, (sizes.hidden, sizes.groups, sizes.outputs))
    pair = FactorPair(first, 0 * first[:, 0], second, 0 * second[:, 0])
    dense = pair.product()[0][0, 0]
    assert (dense != 0).all()
    layer = SparselyFactorizedConv2D(8, window=6, reduction=3)
    x = images(1, 2, 2, 12)
    layer(x)
    layer.set_weights([first, second])
    received = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(received, x @ dense, atol=1e-5)


@pytest.mark.parametrize("form", ["as_dense", "as_mixed", "as_grouped"])
@pytest.mark.parametrize("sides", [(5, 4), (None, None)])
def test_forms_are_the_same_function(form, sides):
    rng = np.random.default_rng(0)
    sizes = FactorSizes.of(16, 24, 8, 2)
    pair = FactorPair(
        rng.normal(0, 1, (sizes.groups, sizes.window, sizes.hidden)),
        rng.normal(0, 1, (sizes.groups, sizes.hidden)),
        rng.normal(0, 1, (sizes.hidden, sizes.groups, sizes.outputs)),
        rng.normal(0, 1, (sizes.hidden, sizes.outputs)),
    )
    start = keras.Input((*sides, 16))
    model = keras.Model(start, getattr(pair, form)(start, "pair"))
    kernel, bias = pair.product()
    x = images(2, 5, 4, 16)
    received = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(received, x @ kernel[0, 0] + bias, atol=2e-4)
