import keras
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.helpers import images, randomize_norms, relative_error
from tests.models.golden_cases import trainable_parameters

# spec: trainable parameters, millions of MACs at 224
COUNTS = {
    ("d", 0.5): (1985528, 96.9),
    ("d", 0.7): (2502486, 174.6),
    ("d", 0.75): (2638084, 189.9),
    ("d", 1.0): (3491688, 313.0),
    ("d", 1.4): (6023004, 590.0),
    ("w", 1.0): (3597224, 385.5),
}


@pytest.mark.parametrize(("variant", "width"), exhaustive_but([("w", 1.0)], COUNTS))
def test_counts_and_fuse(variant, width):
    model = keraslight.IGCV3(
        variant, width, input_shape=(None, None, 3), classifier_activation=None
    )
    parameters, macs = COUNTS[variant, width]
    assert trainable_parameters(model) == parameters
    assert round(keraslight.count_macs(model, (224, 224, 3)) / 1e6, 1) == macs
    randomize_norms(model)
    fused = model.fuse()
    for size in ((64, 64), (97, 65)):
        assert relative_error(model, fused, images(1, *size, 3)) <= 1e-5
    kinds = {type(layer) for layer in fused.layers}
    assert not kinds & {
        keras.layers.BatchNormalization,
        keras.layers.Reshape,
        keras.layers.Permute,
        keras.layers.Concatenate,
    }


def test_thumbnail():
    """Spec: the parameters and MACs of the port that trains on CIFAR-10."""
    model = keraslight.IGCV3("d", thumbnail=True, classes=10)
    assert trainable_parameters(model) == 2223498
    assert round(keraslight.count_macs(model) / 1e6, 1) == 93.5


def test_the_arguments_of_the_ablations(tmp_path):
    options = {
        "depth": 0.15,
        "expand_groups": 4,
        "activation_after": ["expand", "depthwise"],
        "second_permutation": True,
    }
    model = keraslight.IGCV3(
        width=0.5, input_shape=(64, 64, 3), classes=10, classifier_activation=None, **options
    )
    assert model.architecture["options"] == options
    blocks = [block for stage in model.stages[1:-1] for block in stage.blocks]
    assert {block.expand_groups for block in blocks} == {4}
    assert {block.activation_after for block in blocks} == {("expand", "depthwise")}
    randomize_norms(model)
    x = images(1, 64, 64, 3)
    assert relative_error(model, model.fuse(), x) <= 1e-5
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.architecture == model.architecture
    assert relative_error(model, loaded, x) == 0
    with pytest.raises(ValueError, match="expand_groups=4"):
        keraslight.IGCV3(expand_groups=4, weights="imagenet")


def test_half_the_depth_is_that_of_mobilenetv2():
    """Spec: the parameters of the network that the authors call shallow, for CIFAR-10."""
    model = keraslight.IGCV3(depth=0.5, thumbnail=True, classes=10)
    assert [len(stage.blocks) for stage in model.stages[1:-1]] == [1, 2, 3, 4, 3, 3, 1]
    assert round(trainable_parameters(model) / 1e6, 2) == 1.38


def test_four_groups_round_up_to_multiples_of_four():
    """Spec: the parameters of the authors' network with G1 = 2 and G2 = 4."""
    model = keraslight.IGCV3(expand_groups=2, project_groups=4, input_shape=(32, 32, 3))
    assert trainable_parameters(model) == 3063304


def test_any_width():
    assert keraslight.IGCV3("d", 0.33, input_shape=(32, 32, 3), classes=3).output_shape[-1] == 3


@pytest.mark.parametrize(("width", "name"), [(1, "igcv3_d_1_0"), (0.75, "igcv3_d_0_75")])
def test_the_name_does_not_depend_on_the_type_of_the_width(width, name):
    model = keraslight.IGCV3("d", width, include_top=False)
    assert model.architecture["name"] == model.name == name


@pytest.mark.parametrize("variant", ["d", "w"])
def test_the_activation_is_that_of_the_stem_the_blocks_and_the_head(variant):
    model = keraslight.IGCV3(variant, activation="silu", include_top=False)
    found = [layer.activation for layer in model.layers if hasattr(layer, "activation")]
    assert set(found) - {keras.activations.linear} == {keras.activations.silu}
    assert not any(isinstance(layer, keras.layers.ReLU) for layer in model.layers)


def test_bad_arguments():
    with pytest.raises(ValueError, match="Received: variant='e'"):
        keraslight.IGCV3("e")
    with pytest.raises(ValueError, match="Received: width=0, variant='d'"):
        keraslight.IGCV3("d", 0)
    with pytest.raises(ValueError, match="Received: depth=-1, variant='d'"):
        keraslight.IGCV3("d", depth=-1)
    with pytest.raises(ValueError, match="Received: expand_groups=0, project_groups=2"):
        keraslight.IGCV3(expand_groups=0)
    with pytest.raises(ValueError, match="Received: second_permutation=True"):
        keraslight.IGCV3("w", second_permutation=True)
    with pytest.raises(ValueError, match=r"Received: width=0.5, variant='w'"):
        keraslight.IGCV3("w", 0.5)
