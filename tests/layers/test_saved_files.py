"""Files that earlier versions saved load, with equal outputs.

The files hold one block named `b` after an input of 12x12x8, with random statistics. They were
saved before the blocks had a common base class, with the arguments they had then.
"""

import pathlib

import keras
import numpy as np
import pytest

from keraslight import layers as kl
from tests.helpers import images, outputs

FOLDER = pathlib.Path(__file__).parent / "files"
# arguments of earlier versions, as they are called now
RENAMED = {
    "acb": ("gamma_initializer", {"value": 1 / 3}),
    "igb": ("expand_groups", 2),
    "refco": ("gamma_initializer", {"value": 0.5}),
    "repvgg_deploy": ("fused", True),
    "repvgg_s2_se": ("se_ratio", 0.25),
    "wide": ("expand_groups", 2),
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.keras")), ids=lambda path: path.stem)
def test_a_saved_block_loads(path):
    model = keras.saving.load_model(path)
    with np.load(FOLDER / "outputs.npz") as expected:
        (y,) = outputs(model, images(2, 12, 12, 8)[:1])
        np.testing.assert_allclose(y, expected[path.stem], rtol=1e-5, atol=2e-6)
    name, value = RENAMED.get(path.stem, ("name", "b"))
    config = model.get_layer("b").get_config()[name]
    assert (config["config"] if isinstance(config, dict) else config) == value


def test_options_that_a_layout_ignored_are_dropped():
    config = kl.MetaBasicBlock("irb").get_config()
    layer = kl.MetaBasicBlock.from_config({**config, "spatial": "repso"})
    assert layer.spatial == "dw3x3"
    config = kl.MetaLightBlock().get_config()
    assert kl.MetaLightBlock.from_config({**config, "layout": "meta_light"}).layout == "meta_light"


def test_the_divisor_of_a_partial_convolution_was_called_ratio():
    layer = kl.PartialConv2D(reduction=2)
    config = {**layer.get_config(), "ratio": 2}
    del config["reduction"]
    assert kl.PartialConv2D.from_config(config).get_config() == layer.get_config()


def test_weights_keep_their_order():
    """Optimizers are saved by the order of the weights."""
    block = kl.RepVGGBlock(8, se_ratio=0.25)
    repso, acb = kl.RepSO(squares=1), kl.ACBConv2D(8, 3)
    for layer in (block, repso, acb):
        layer.build((None, 8, 8, 8))
    kinds = [w.path.split("/")[-2] for w in block.trainable_weights]
    assert [k.split("_", 3)[-1] for k in dict.fromkeys(kinds)] == [
        *("dense", "dense_norm", "pointwise", "pointwise_norm"),
        *("attention_reduce", "attention_expand", "identity_norm"),
    ]
    for layer, count in ((repso, 4), (acb, 3)):
        assert all("norm" not in w.path for w in layer.trainable_weights[:count])
        assert all("norm" in w.path for w in layer.trainable_weights[count:])
