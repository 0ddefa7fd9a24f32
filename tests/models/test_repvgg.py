import keras
import numpy as np
import pytest

import keraslight
from keraslight.weights.families.repvgg import official_tensors, timm_tensors
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs, randomize_norms, relative_error
from tests.models.golden_cases import trainable_parameters

# spec: parameters in training and deployed, millions of MACs in training and deployed, at 224
COUNTS = {
    "a0": (9108968, 8309384, 1512.58, 1361.45),
    "a1": (14092264, 12789864, 2626.49, 2363.97),
    "a2": (28210600, 25499944, 5685.35, 5116.95),
    "b0": (15817960, 14339048, 3397.19, 3057.60),
    "b1": (57415016, 51829480, 13128.09, 11815.49),
    "b1g2": (45782376, 41360104, 9788.38, 8809.74),
    "b1g4": (39966056, 36125416, 8118.52, 7306.87),
    "b2": (89022376, 80315112, 20418.17, 18376.61),
    "b2g2": (70846376, 63956712, 15199.87, 13680.14),
    "b2g4": (61758376, 55777512, 12590.71, 11331.90),
    "b3": (123085288, 110960872, 29120.70, 26208.88),
    "b3g2": (96911848, 87404776, 21606.34, 19445.96),
    "b3g4": (83825128, 75626728, 17849.16, 16064.50),
    "d2se": (133334836, 120387572, 36476.74, 32829.55),
    "plus_l2pse": (140099224, 127151960, 36483.50, 32836.31),
}
SMALL = ["a0", "a1", "b0", "b1g4"]
SE = ["d2se", "plus_l2pse"]


def logits(variant, size=None, **kwargs):
    return keraslight.RepVGG(
        variant, input_shape=(size, size, 3), classifier_activation=None, **kwargs
    )


@pytest.mark.parametrize("variant", exhaustive_but(["a0"], COUNTS))
def test_counts_fuse_and_deployed_form(variant):
    """The published counts; the fused model; the small ones built deployed, with its weights."""
    trained, deployed, macs, macs_deployed = COUNTS[variant]
    model = logits(variant)
    assert trainable_parameters(model) == trained
    assert round(keraslight.count_macs(model, (224, 224, 3)) / 1e6, 2) == macs
    randomize_norms(model)
    fused = model.fuse()
    assert fused.count_params() == deployed
    assert round(keraslight.count_macs(fused, (224, 224, 3)) / 1e6, 2) == macs_deployed
    x = images(1, 33, 40, 3)
    assert relative_error(model, fused, x) <= (1e-4 if variant in SE else 1e-5)
    convolutions = [x for x in fused.layers if isinstance(x, keras.layers.Conv2D)]
    blocks = [x for x in model.layers if "_block" in x.name or x.name == "stem"]
    assert sum(conv.kernel_size == (3, 3) for conv in convolutions) == len(blocks)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in fused.layers)

    if variant in SMALL:
        built = logits(variant, fused=True)
        built.set_weights(fused.get_weights())
        np.testing.assert_array_equal(outputs(built, x)[0], outputs(fused, x)[0])


@pytest.mark.parametrize(("variant", "parameters"), [("a0", 9103304), ("b0", 15808616)])
def test_qa(variant, parameters):
    model = logits(variant, block="qa")
    assert trainable_parameters(model) == parameters
    randomize_norms(model)
    fused = model.fuse()
    assert fused.count_params() == COUNTS[variant][1]
    assert relative_error(model, fused, images(1, 33, 40, 3)) <= 1e-5


def test_a_deployed_model_exports_and_loads_deployed_checkpoints(tmp_path):
    """Deployed checkpoints in the authors' and in timm's names."""
    fused = randomize_norms(logits("a0", 32, classes=3)).fuse()
    built = logits("a0", 32, classes=3, fused=True)
    for naming, key in (
        (official_tensors, "rbr_reparam"),
        (timm_tensors, "reparam_conv"),
    ):
        reference = logits("a0", 32, classes=3, fused=True)
        reference.set_weights(fused.get_weights())
        tensors = {
            name: entry.to_published(np.asarray(entry.variable))
            for name, entry in naming(reference).items()
        }
        assert sum(key in name for name in tensors) == 2 * 22
        np.savez(tmp_path / f"{key}.npz", **tensors)
        keraslight.load_checkpoint(built, tmp_path / f"{key}.npz")
        x = images(2, 32, 32, 3)
        np.testing.assert_array_equal(outputs(built, x)[0], outputs(fused, x)[0])


def test_a_deployed_model_can_be_fused():
    built = logits("a0", 32, classes=3, fused=True)
    fused = built.fuse()
    assert all(type(layer).__module__.startswith("keras.") for layer in fused.layers)


@pytest.mark.slow
def test_auxiliary_heads():
    model = keraslight.RepVGG("plus_l2pse", auxiliary_heads=True, input_shape=(32, 32, 3))
    assert trainable_parameters(model) == 146062864
    assert model.output_shape == [(None, 1000)] * 4


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"'a0', 'a1'.*Received: variant='c1'"):
        keraslight.RepVGG("c1")
    with pytest.raises(ValueError, match="Received: block='acb'"):
        keraslight.RepVGG("a0", block="acb")
    with pytest.raises(ValueError, match="Auxiliary heads belong to"):
        keraslight.RepVGG("a0", auxiliary_heads=True)
    with pytest.raises(ValueError, match="use RepVGGBlock"):
        keraslight.RepVGG("d2se", block="qa")
