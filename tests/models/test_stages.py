"""What a model says of its stages, and what is read from them: feature maps and pyramids."""

import itertools

import keras
import numpy as np
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs

# name of a network: its pyramid at 64x64 as (level, side, channels)
PYRAMIDS = {
    "vgnetg_1_0mp": [
        ("P1", 32, 28),
        ("P2", 16, 56),
        ("P3", 8, 112),
        ("P4", 4, 224),
        ("P5", 2, 368),
    ],
    "repvgg_a0": [("P1", 32, 48), ("P2", 16, 48), ("P3", 8, 96), ("P4", 4, 192), ("P5", 2, 1280)],
    "igcv3_d_0_5": [("P1", 32, 8), ("P2", 16, 12), ("P3", 8, 16), ("P4", 4, 48), ("P5", 2, 160)],
    "igcv3_w": [("P1", 32, 32), ("P2", 16, 48), ("P3", 8, 64), ("P4", 4, 192), ("P5", 2, 640)],
    "falconnet": [("P2", 16, 32), ("P3", 8, 64), ("P4", 4, 128), ("P5", 2, 256)],
    "mobilenetv4_conv_small": [
        ("P1", 32, 32),
        ("P2", 16, 32),
        ("P3", 8, 64),
        ("P4", 4, 96),
        ("P5", 2, 128),
    ],
    "repvit_m0_9": [("P2", 16, 48), ("P3", 8, 96), ("P4", 4, 192), ("P5", 2, 384)],
    "repghostnet_050": [("P1", 32, 8), ("P2", 16, 12), ("P3", 8, 20), ("P4", 4, 56), ("P5", 2, 80)],
    "lcnetv2_small": [
        ("P1", 32, 48),
        ("P2", 16, 96),
        ("P3", 8, 192),
        ("P4", 4, 384),
        ("P5", 2, 768),
    ],
    "mobileone_s1": [
        ("P1", 32, 64),
        ("P2", 16, 96),
        ("P3", 8, 192),
        ("P4", 4, 512),
        ("P5", 2, 1280),
    ],
}


def build(name, **kwargs):
    return keraslight.create_model(name, **{"input_shape": (64, 64, 3), "classes": 3, **kwargs})


def shapes(model):
    return [
        (level, tensor.shape[1], tensor.shape[-1])
        for level, tensor in model.pyramid_outputs.items()
    ]


@pytest.mark.parametrize("name", exhaustive_but(["repvgg_a0", "repghostnet_050"], PYRAMIDS))
def test_the_stages_hold_every_weight_but_the_classifiers(name):
    model = build(name)
    held = {id(w) for stage in model.stages for block in stage.blocks for w in block.weights}
    rest = {weight.path for weight in model.weights if id(weight) not in held}
    assert {path.split("/")[0] for path in rest} == {"predictions"}
    for stage in model.stages:
        assert stage.output.shape[1:] == (64 // stage.strides, 64 // stage.strides, stage.channels)


@pytest.mark.parametrize(
    ("name", "include_top"),
    exhaustive_but(
        [("vgnetg_1_0mp", True), ("vgnetg_1_0mp", False), ("mobilenetv4_conv_small", True)],
        itertools.product(PYRAMIDS, [True, False]),
    ),
)
def test_the_pyramid_has_one_map_per_stride_and_ends_with_the_last_stage(name, include_top):
    model = build(name, include_top=include_top)
    assert shapes(model) == PYRAMIDS[name]
    assert shapes(keraslight.LightModel.from_config(model.get_config())) == PYRAMIDS[name]
    features = keraslight.feature_extractor(model)
    assert [y.shape[1:] for y in features.outputs] == [(s, s, c) for _, s, c in PYRAMIDS[name]]


@pytest.mark.parametrize("name", exhaustive_but(["igcv3_d_0_5"], ["igcv3_d_0_5", "falconnet"]))
def test_stages_survive_saving(name, tmp_path):
    model = build(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [s.get_config() for s in loaded.stages] == [s.get_config() for s in model.stages]
    x = images(1, 64, 64, 3)
    ours, theirs = (keras.Model(m.inputs, m.pyramid_outputs)(x) for m in (model, loaded))
    assert list(theirs) == list(ours)
    for level, y in ours.items():
        np.testing.assert_array_equal(y, theirs[level])


def test_a_pyramid_of_images_that_do_not_halve():
    model = keraslight.VGNetG(input_shape=(65, 97, 3), include_top=False)
    features = keraslight.feature_extractor(model)
    maps = outputs(features, images(1, 65, 97, 3))
    assert [y.shape[1:3] for y in maps] == [(33, 49), (17, 25), (9, 13), (5, 7), (3, 4)]
    np.testing.assert_array_equal(maps[-1], outputs(model, images(1, 65, 97, 3))[0])


def test_a_thumbnail_network_begins_at_full_resolution():
    model = keraslight.VGNetG(thumbnail=True, include_top=False, input_shape=(32, 32, 3))
    assert [level for level, *_ in shapes(model)] == ["P0", "P1", "P2", "P3"]


@pytest.mark.slow
def test_auxiliary_heads_are_heads():
    model = keraslight.RepVGG("plus_l2pse", auxiliary_heads=True, input_shape=(32, 32, 3))
    heads = [stage for stage in model.stages if stage.head]
    assert [head.name for head in heads] == ["auxiliary1", "auxiliary2", "auxiliary3"]
    assert [head.strides for head in heads] == [8, 16, 32]
    assert list(model.pyramid_outputs) == ["P1", "P2", "P3", "P4", "P5"]
    main = model.with_outputs(model.outputs[0])
    assert not any(stage.head for stage in main.stages)


def test_a_stage_is_found_by_its_name():
    model = build("igcv3_d_0_5")
    assert model.stage("stage4").strides == 16
    with pytest.raises(ValueError, match=r"'stage7', 'head'\]. Received: name='stage8'"):
        model.stage("stage8")


def test_models_without_stages_say_why():
    model = build("vgnetg_1_0mp")
    cloned = keras.models.clone_model(model)
    for without in (cloned, model.fuse()):
        with pytest.raises(ValueError, match=r"It was fused, cloned.*or saved by an earlier"):
            keraslight.feature_extractor(without)
    with pytest.raises(ValueError, match="does not know its stages"):
        _ = cloned.pyramid_outputs
    with pytest.raises(ValueError, match="does not know its stages"):
        cloned.stage("stem")


def test_a_model_saved_before_there_were_stages_loads():
    model = build("vgnetg_1_0mp")
    config = model.get_config()
    del config["stages"]
    assert keraslight.LightModel.from_config(config).stages == ()
