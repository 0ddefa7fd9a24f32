"""What a network costs, how its weights are distributed, and how many channels it mixes."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight import visualize
from keraslight.visualize.receptive_range import window
from tests.helpers import images, outputs, table_cells

L = keras.layers


def test_cost_shares_add_up():
    inputs = keras.Input((8, 8, 4))
    x = L.Conv2D(8, 3, padding="same", name="spatial")(inputs)
    x = L.BatchNormalization()(x)
    x = L.DepthwiseConv2D(3, padding="same")(x)
    x = L.Conv2D(8, 3, padding="same", groups=8)(x)
    x = L.Conv2D(6, 1, groups=2)(x)
    x = L.Conv2D(4, 1)(x)
    model = keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(x)))
    costs = visualize.cost_shares(model)
    found = {kind.kind: (kind.parameters, kind.macs) for kind in costs.kinds}
    assert found == {
        "pointwise": (6 * 4 + 4, 64 * 24),
        "depthwise": (2 * (72 + 8), 2 * 64 * 72),
        "grouped": (4 * 6 + 6, 64 * 24),
        "dense convolution": (9 * 32 + 8, 64 * 9 * 32),
        "fully connected": (10, 8),
        "other": (32, 0),
    }
    assert sum(kind.mac_share for kind in costs.kinds) == pytest.approx(1)
    assert sum(kind.macs for kind in costs.kinds) == keraslight.count_macs(model)
    assert sum(kind.parameters for kind in costs.kinds) == model.count_params()
    assert len(table_cells(str(costs))) == 7
    assert costs.plot().get_xlabel() == "share (%)"


def test_cost_shares_of_blocks_are_those_of_their_layers():
    block = keraslight.layers.RepVGGBlock(4)
    model = keras.Sequential([keras.Input((8, 8, 4)), block])
    kinds = [kind.kind for kind in visualize.cost_shares(model).kinds]
    assert kinds == ["pointwise", "dense convolution", "other"]
    with pytest.raises(ValueError, match="takes any size"):
        visualize.cost_shares(keras.Sequential([keras.Input((None, None, 3)), L.Conv2D(4, 1)]))


def depthwise_model(kernels, **kwargs):
    layer = L.DepthwiseConv2D(kernels.shape[:2], use_bias=False, name="depthwise", **kwargs)
    model = keras.Sequential([keras.Input((16, 16, kernels.shape[-1])), layer])
    layer.set_weights([kernels[..., None]])
    return model


def test_the_skeleton_of_a_kernel():
    cross = np.zeros((3, 3, 6))
    cross[1], cross[:, 1] = 2.0, -2.0
    cross[::2, ::2] = 1.0
    (layer,) = visualize.kernel_magnitude(depthwise_model(cross)).layers
    assert layer.magnitudes.max() == 1 and layer.skeleton == 2
    found = visualize.kernel_magnitude(depthwise_model(cross))
    assert found.as_dicts()[0]["centre"] == 1
    assert table_cells(str(found))[1] == ["depthwise", "3x3", "1.00", "2.00"]
    assert len(found.draw_kernels().axes) == 6
    assert found.plot().get_xlabel() == "layer"
    with pytest.raises(ValueError, match="no dense convolution"):
        visualize.kernel_magnitude(depthwise_model(cross), connections=("dense",))


def test_a_mixture_is_told_from_one_gaussian():
    rng = np.random.default_rng(0)
    one = rng.normal(0, 1, (9, 9, 100))
    two = np.where(rng.random((9, 9, 100)) < 0.3, rng.normal(3, 0.3, (9, 9, 100)), one / 4)
    (single,) = visualize.kernel_mixtures(depthwise_model(one)).layers
    assert (single.components, single.gain) == (1, 0)
    (mixed,) = visualize.kernel_mixtures(
        depthwise_model(two, strides=2), most=2, strided=True
    ).layers
    assert mixed.components == 2 and mixed.gain > 0.3
    np.testing.assert_allclose(mixed.weights, [0.7, 0.3], atol=0.02)
    # means in units of the root of the mean square, 1.67
    np.testing.assert_allclose(mixed.means, [0, 3 / 1.67], atol=0.05)
    found = visualize.kernel_mixtures(depthwise_model(two), most=2)
    assert " + 0." in str(found) and found.plot().get_xlabel().startswith("gain")
    with pytest.raises(ValueError, match="no such convolution with strides"):
        visualize.kernel_mixtures(depthwise_model(one), strided=True)
    with pytest.raises(ValueError, match="Received: most=0"):
        visualize.kernel_mixtures(depthwise_model(one), most=0)


def test_kernels_of_one_size_and_of_many_are_one_distribution():
    """Scaling channels, which the next layer undoes, changes nothing."""
    rng = np.random.default_rng(1)
    kernels = rng.normal(0, 1, (7, 7, 100))
    plain, scaled = (
        visualize.kernel_mixtures(depthwise_model(kernels * scale)).layers[0]
        for scale in (1, rng.uniform(0.01, 10, 100))
    )
    assert plain.components == scaled.components
    np.testing.assert_allclose(plain.means, scaled.means, atol=1e-6)


def test_the_effective_range_counts_the_weights_that_matter():
    kernel = np.zeros((1, 1, 8, 3), "float32")
    kernel[0, 0, :, 0] = 1  # all channels alike
    kernel[0, 0, 2, 1] = 5  # one alone
    kernel[0, 0, :4, 2] = 1
    layer = L.Conv2D(3, 1, use_bias=False)
    model = keras.Sequential([keras.Input((4, 4, 8)), layer])
    layer.set_weights([kernel])
    found = visualize.receptive_ranges(model)
    (only,) = found.layers
    assert (only.channels, only.connected) == (8, 8)
    assert only.effective == pytest.approx((8 + 1 + 4) / 3)
    assert found.as_dicts()[0]["share"] == pytest.approx(13 / 24)
    assert found.plot().get_xlim() == (0, 100)
    with pytest.raises(ValueError, match="no pointwise convolution"):
        visualize.receptive_ranges(keras.Sequential([keras.Input((4, 4, 8)), L.Conv2D(2, 3)]))


@pytest.mark.parametrize(("channels", "filters"), [(8, 8), (6, 12), (12, 5), (3, 1)])
def test_a_window_has_one_width_and_reaches_every_channel(channels, filters):
    kept = window(channels, filters, 0.5)
    assert set(kept.sum(axis=0)) == {max(1, round(channels / 2))}
    # one run of channels, which moves with the output channel
    assert all(abs(np.diff(column)).sum() <= 2 for column in kept.T)
    assert (np.diff(kept.argmax(axis=0)) >= 0).all()
    if filters >= channels:
        assert kept.any(axis=1).all()
    assert window(channels, filters, 1.0).all()


def test_a_limited_model_is_a_new_one():
    model = keraslight.LightNet(input_shape=(32, 32, 3), classes=4)
    before = outputs(model, images(1, 32, 32, 3))[0]
    limited = visualize.limit_receptive_range(model, 0.5)
    np.testing.assert_array_equal(outputs(model, images(1, 32, 32, 3))[0], before)
    shares = [x.connected / x.channels for x in visualize.receptive_ranges(limited).layers]
    assert max(shares) <= 0.51
    same = visualize.limit_receptive_range(model, 1.0)
    np.testing.assert_array_equal(outputs(same, images(1, 32, 32, 3))[0], before)
    with pytest.raises(ValueError, match="Received: share=0"):
        visualize.limit_receptive_range(model, 0)


def test_repeated_maps_are_found_and_drawn():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    again = L.Conv2D(3, 1, use_bias=False, name="again")
    model = keras.Model(inputs, L.Activation("linear", name="last")(again(x)))
    kernel = np.random.default_rng(0).normal(0, 1, (1, 1, 4, 3))
    kernel[..., 1] = [[[-2, 0, 0, 0]]]  # channel 1 is channel 0 of the layer before, times -2
    again.set_weights([kernel])
    names = ["first", "again"]
    found = visualize.repeated_maps(model, images(1, 8, 8, 3)[0], layers=names)
    best = found.maps[0]
    assert (best.first, best.second) == ("first", "again")
    assert (best.first_channel, best.second_channel) == (0, 1)
    assert best.correlation == pytest.approx(-1)
    assert table_cells(str(found))[1] == ["first", "0", "again", "1", "-1.000"]
    assert len(found.draw().axes) == 2 * len(found.maps)
    assert found.plot().images
    none = visualize.repeated_maps(model, images(1, 8, 8, 3)[0], layers=names, correlation=1.1)
    assert none.maps == [] and str(none) == "No feature map repeats one of the layer before."
