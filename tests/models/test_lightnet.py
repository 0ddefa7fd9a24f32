import keras
import numpy as np
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.helpers import images, randomize_norms, relative_error
from tests.models.golden_cases import trainable_parameters

# spec, for expansions: deployed parameters with biases in thousands and millions of MACs at 224, of
# LightNet and of FalconNet in its factorized form
COUNTS = {
    2: (3103, 290.0, 1805, 88.9),
    3: (3846, 412.0, 1882, 106.4),
    4: (4590, 534.0, 1959, 124.0),
    6: (6076, 778.1, 2106, 158.3),
    8: (7562, 1022.2, 2254, 192.5),
}
NAMES = [*keraslight.list_models("lightnet"), "falconnet"]
VARIANTS = ["lightnet_igcv3", "falconnet"]


def randomized(model):
    randomize_norms(model)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 3 and weight.path.endswith(("mean", "variance", "gamma", "beta")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


@pytest.mark.parametrize("expansion", exhaustive_but([6], COUNTS))
def test_counts(expansion):
    parameters, macs, _, factorized = COUNTS[expansion]
    fused = randomized(keraslight.LightNet(expansion=expansion)).fuse()
    assert abs(fused.count_params() / 1e3 - parameters) < 1
    assert abs(keraslight.count_macs(fused) / 1e6 - macs) < 0.06
    # a RepSO is one depthwise 3x3 when deployed
    falcon = keraslight.LightNet(channel="refco", expansion=expansion)
    assert abs(keraslight.count_macs(falcon) / 1e6 - factorized) < 0.06


def test_trainable_parameters_of_falconnet():
    """Spec: the blocks alone hold 7.335 million in training, the rest 1.617."""
    assert abs(trainable_parameters(keraslight.FalconNet()) / 1e6 - 7.335 - 1.617) < 0.001


@pytest.mark.parametrize("name", exhaustive_but(VARIANTS, NAMES))
def test_fuse(name):
    model = keraslight.create_model(
        name, input_shape=(None, None, 3), classes=10, classifier_activation=None
    )
    fused = randomized(model).fuse()
    for size in ((64, 64), (97, 65)):
        assert relative_error(model, fused, images(1, *size, 3)) <= 1e-5
    kinds = {type(layer) for layer in fused.layers}
    assert all(kind.__module__.startswith("keras.") for kind in kinds)
    assert keras.layers.BatchNormalization not in kinds


def test_fused_falconnet_of_fixed_size():
    """One depthwise 3x3 for each RepSO, at most two 1x1 for each RefCO."""
    model = keraslight.FalconNet(input_shape=(64, 96, 3), classes=10, classifier_activation=None)
    fused = randomized(model).fuse()
    assert relative_error(model, fused, images(2, 64, 96, 3)) <= 1e-5
    layers = [layer for layer in fused.layers if "_block" in layer.name]
    depthwise = [x for x in layers if isinstance(x, keras.layers.DepthwiseConv2D)]
    pointwise = [x for x in layers if type(x) is keras.layers.Conv2D]
    assert len(depthwise) == 18
    assert {layer.kernel_size for layer in depthwise} == {(3, 3)}
    assert len(pointwise) <= 2 * 36
    assert {layer.kernel_size for layer in pointwise} == {(1, 1)}


OPTIONS = {
    "falconnet": {"reduction": 4, "branches": (2, 3), "squares": 1, "extra_branches": ("row",)},
    "lightnet_meta_light": {"spatial": ("dw3x3", "dw5x5", "identity"), "thumbnail": True},
}


@pytest.mark.parametrize("name", exhaustive_but(["falconnet"], OPTIONS))
def test_options_of_the_operations(name, tmp_path):
    options = OPTIONS[name]
    model = randomized(
        keraslight.create_model(
            name, input_shape=(32, 32, 3), classes=3, classifier_activation=None, **options
        )
    )
    assert model.architecture["name"] == name
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
    assert model.architecture["options"] == plain
    x = images(1, 32, 32, 3)
    assert relative_error(model, model.fuse(), x) <= 1e-5
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.architecture == model.architecture
    assert relative_error(model, loaded, x) == 0
    model.save_weights(tmp_path / "w.weights.h5")
    other = keraslight.create_model(name, input_shape=(32, 32, 3), classes=3)
    with pytest.raises(ValueError):
        keraslight.load_checkpoint(other, tmp_path / "w.weights.h5")


def test_the_rank_and_the_branches_of_refco_reach_every_block():
    model = keraslight.FalconNet(expansion=2, reduction=4, branches=(2, 3), include_top=False)
    blocks = [block for stage in model.stages for block in stage.blocks]
    layers = [x for block in blocks if hasattr(block, "steps") for x in block.steps]
    pairs = [x for x in layers if isinstance(x, keraslight.layers.RefCO)]
    assert len(pairs) == 36
    assert {(x.reduction, x.branches) for x in pairs} == {(4, (2, 3))}
    # the rank of each 1x1 convolution that a pair amounts to
    pair = pairs[0]
    kernel = pair.pair().product()[0].reshape(32, 64)
    assert np.linalg.matrix_rank(kernel) == 32 // 4


def test_thumbnails():
    model = keraslight.LightNet(thumbnail=True, include_top=False, input_shape=(32, 32, 3))
    assert [stage.strides for stage in model.stages] == [1, 1, 2, 4, 8, 8]
    assert model.output_shape == (None, 4, 4, 1280)


def test_stem_without_residual_and_another_head():
    model = keraslight.LightNet(stem_residual=False, head_channels=512, include_top=False)
    assert model.output_shape[-1] == 512
    assert "stem_add" not in [layer.name for layer in model.layers]


def test_the_activation_reaches_the_blocks_of_igcv3():
    model = keraslight.LightNet("igcv3", activation="silu", include_top=False)
    assert model.get_layer("stage1_block0").activation is keras.activations.silu
    default = keraslight.LightNet("igcv3", include_top=False)
    assert default.get_layer("stage1_block0").activation is keras.activations.relu6
    assert default.get_layer("stem_act").activation is keras.activations.relu


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"'meta_light', 'irb'.*Received: block='vgg'"):
        keraslight.LightNet("vgg")
    with pytest.raises(ValueError, match="Received: spatial='conv'"):
        keraslight.LightNet(spatial="conv", input_shape=(32, 32, 3))
    for option, value in (("spatial", "repso"), ("channel", "refco")):
        with pytest.raises(ValueError, match=f"igcv3.*Received: .*{option}='{value}'"):
            keraslight.LightNet("igcv3", **{option: value})
    for block, option in (("irb", {"spatial": "repso"}), ("shufflenetv2", {"expansion": 2})):
        with pytest.raises(ValueError, match=f"'{block}' does not use"):
            keraslight.LightNet(block, **option)
    np.savez(tmp_path / "falconnet.npz", x=np.zeros(1))
    with pytest.raises(ValueError, match="families"):
        keraslight.FalconNet(weights=tmp_path / "falconnet.npz")
