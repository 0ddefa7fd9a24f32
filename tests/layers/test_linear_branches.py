"""The base class of summed branches, with the blocks that the documentation writes with it."""

import pathlib
import re

import keras
import numpy as np
import pytest

import keraslight
from keraslight import layers as kl
from tests.helpers import images, outputs, randomize_norms, relative_error

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "blocks.md"


@pytest.fixture(scope="module")
def page():
    """The names that the code in docs/blocks.md defines, all blocks run in order."""
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, PAGE.name, "exec"), names)
    return names


def fused(layer, x):
    """Checks that a layer fuses to one convolution, and returns its model and the fused one."""
    start = keras.Input(x.shape[1:])
    model = randomize_norms(keras.Model(start, layer(start)))
    result = keraslight.fuse(model)
    assert relative_error(model, result, x) <= 1e-5
    (conv,) = (x for x in result.layers if x.name == f"{layer.name}_conv")
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in result.layers)
    return model, conv


@pytest.mark.parametrize(
    ("arguments", "kind", "branches"),
    [
        ({}, keras.layers.DepthwiseConv2D, 6),
        ({"strides": 2}, keras.layers.DepthwiseConv2D, 5),
        ({"filters": 8, "kernel_size": 1}, keras.layers.Conv2D, 5),
        ({"filters": 12, "kernel_size": 1, "copies": 2}, keras.layers.Conv2D, 2),
        ({"filters": 8, "groups": 4, "se_ratio": 0.25}, keras.layers.Conv2D, 6),
    ],
)
def test_the_documentations_block_of_branches(page, arguments, kind, branches, tmp_path):
    x = images(2, 9, 8, 8)
    layer = page["RepeatedConv"](**arguments)
    model, conv = fused(layer, x)
    assert type(conv) is kind
    assert len(layer.paths) == branches
    model.save(tmp_path / "block.keras")
    loaded = keras.saving.load_model(tmp_path / "block.keras")
    np.testing.assert_array_equal(outputs(loaded, x)[0], outputs(model, x)[0])


def test_the_documentations_other_layer(page):
    layer = page["TwoConvs"](4)
    start = keras.Input((6, 6, 3))
    model = keras.Model(start, layer(start))
    result = keraslight.fuse(model)
    assert len(result.layers) == 2
    assert relative_error(model, result, images(2, 6, 6, 3)) <= 1e-5


class Cross(kl.LinearBranches):
    """Branches of every kind of size and border."""

    norm_after_sum = True

    def branches_of(self, channels):
        identity = [kl.Branch("identity", norm=False)] if channels == self.filters else []
        bars = [kl.Branch("bar", (1, 7), norm=False), kl.Branch("column", (5, 1))]
        return [*bars, kl.Branch("square", 3), kl.Branch("point", 1, norm=False), *identity]


@pytest.mark.parametrize(
    ("strides", "padding", "more"),
    [
        (1, "same", {"filters": 4, "groups": 2}),
        (2, "same", {"filters": 6}),
        (1, "valid", {"filters": 6}),
        (2, "valid", {"filters": 4}),
        (1, 1, {"filters": 4}),
        (2, 4, {"filters": 6, "groups": 2}),
    ],
)
def test_every_border(strides, padding, more):
    x = images(2, 15, 14, 4)
    layer = Cross(strides=strides, padding=padding, activation="relu", **more)
    model, conv = fused(layer, x)
    assert conv.kernel_size == (5, 7)
    assert model.output_shape == (None, *outputs(model, x)[0].shape[1:])


def test_dilation():
    fused(Cross(4, padding=2, dilation_rate=2), images(1, 17, 18, 4))


def test_fused_at_once_takes_the_fused_weights():
    x = images(2, 9, 8, 4)
    layer = Cross(4, strides=2, se_ratio=0.5, activation="relu", name="cross")
    model, _ = fused(layer, x)
    at_once = Cross.from_config({**layer.get_config(), "fused": True})
    start = keras.Input(x.shape[1:])
    other = keras.Model(start, at_once(start))
    at_once.reparam.set_weights(layer.fused_weights())
    at_once.attention.set_weights(layer.attention.get_weights())
    np.testing.assert_allclose(outputs(other, x)[0], outputs(model, x)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ([], "at least one branch"),
        ([kl.Branch("a", 3), kl.Branch("a", 1)], "different names"),
        ([kl.Branch("a", 2)], "odd `kernel_size`"),
        ([kl.Branch("a")], "as many output channels"),
        ([kl.Branch("filters", 3)], "attribute of the block.*Received: name='filters'"),
    ],
)
def test_wrong_branches_are_refused(branches, message):
    class Own(kl.LinearBranches):
        def branches_of(self, channels):
            return branches

    with pytest.raises(ValueError, match=message):
        Own(8).build((None, 9, 9, 4))


def test_a_block_that_lists_no_branches_says_so():
    with pytest.raises(NotImplementedError, match="branches_of"):
        kl.LinearBranches(4).build((None, 9, 9, 4))
