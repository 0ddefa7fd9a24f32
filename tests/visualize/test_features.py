"""What feature maps repeat, and where a classifier looks."""

import keras
import numpy as np
import pytest

from keraslight.visualize import (
    feature_similarity,
    grad_cam,
    plot_grad_cam,
)
from tests.helpers import table_cells

L = keras.layers


def pointwise(kernel, **kwargs):
    layer = L.Conv2D(np.shape(kernel)[1], 1, use_bias=False, **kwargs)
    layer.build((None, None, None, np.shape(kernel)[0]))
    layer.set_weights([np.array(kernel, "float32")[None, None]])
    return layer


def test_similarity():
    """One channel passed on negated, one a mixture of two that are uncorrelated, one constant."""
    mixed = [[-1, 0.6, 0], [0, 0.8, 0]]
    model = keras.Sequential(
        [L.Input((16, 16, 2)), pointwise(np.eye(2), name="a"), pointwise(mixed, name="b")]
    )
    image = np.stack(np.meshgrid(np.arange(16), np.arange(16)), axis=-1) / 16
    (pair,) = feature_similarity(model, image).pairs
    assert (pair.first, pair.second) == ("a", "b")
    assert pair.similarity == pytest.approx((1 + 0.8 + 0) / 3, abs=1e-5)
    assert pair.repeated == pytest.approx(1 / 3)


def test_similarity_of_layers_that_end_blocks(tmp_path):
    """Only maps of one size are compared; by default additions and activations."""
    start = L.Input((16, 16, 4))
    x = L.ReLU(name="first")(L.Conv2D(4, 3, padding="same")(start))
    x = L.Add(name="second")([x, L.Conv2D(4, 3, padding="same", name="branch")(x)])
    x = L.ReLU(name="third")(L.Conv2D(4, 3, 2, padding="same")(x))
    model = keras.Model(start, L.Dense(2)(L.GlobalAveragePooling2D()(x)))
    image = np.random.default_rng(0).normal(0, 1, (2, 16, 16, 4))
    found = feature_similarity(model, image)
    assert [(p.first, p.second) for p in found.pairs] == [("first", "second")]
    assert table_cells(str(found))[1][:2] == ["first", "second"]
    axes = feature_similarity(model, image, ["first", "branch"]).plot()
    axes.figure.savefig(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes()[1:4] == b"PNG"
    assert len(axes.patches) == len(axes.lines) == 1
    with pytest.raises(ValueError, match=r"Received: layers with \['fourth'\]"):
        feature_similarity(model, image, ["fourth"])
    with pytest.raises(ValueError, match=r"No two feature maps.*\['first', 'third'\]"):
        feature_similarity(model, image, ["first", "third"])


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_grad_cam_finds_what_a_class_reads(activation):
    """Class 0 reads the first channel, class 1 the second; each is bright in one corner."""
    dense = L.Dense(2, activation=activation)
    model = keras.Sequential([L.Input((16, 16, 2)), pointwise(np.eye(2))])
    model.add(L.AveragePooling2D(2))
    model.add(L.GlobalAveragePooling2D())
    model.add(dense)
    dense.set_weights([np.array([[3.0, -3], [-3, 3]]), np.zeros(2)])
    image = np.zeros((16, 16, 2))
    image[2:6, 2:6, 0] = 1
    image[10:14, 10:14, 1] = 0.5
    for class_index, corner in ((0, slice(2, 6)), (1, slice(10, 14))):
        heat = grad_cam(model, image, class_index)
        assert heat.shape == (16, 16)
        assert heat[corner, corner].min() > 0.3
        assert heat[corner, corner].sum() > 0.6 * heat.sum()
        assert heat.max() <= 1
    np.testing.assert_array_equal(grad_cam(model, image), grad_cam(model, image, 0))


def test_grad_cam_picture_and_errors(tmp_path):
    model = keras.Sequential(
        [L.Input((16, 16, 1)), L.Conv2D(4, 3, name="map"), L.GlobalMaxPooling2D(name="pool")]
    )
    image = np.random.default_rng(0).normal(0, 1, (16, 16, 1))
    plot_grad_cam(model, image, layer="map").savefig(tmp_path / "cam.png")
    assert (tmp_path / "cam.png").read_bytes()[1:4] == b"PNG"
    with pytest.raises(ValueError, match=r"4 classes. Received: class_index=4"):
        grad_cam(model, image, class_index=4)
    with pytest.raises(ValueError, match=r"of \['map'\]. Received: layer='pool'"):
        grad_cam(model, image, layer="pool")
    headless = keras.Sequential([L.Input((16, 16, 1)), L.Conv2D(4, 3)])
    with pytest.raises(ValueError, match="one output of shape"):
        grad_cam(headless, image)
