import dataclasses
import functools
import pathlib
import re

import keras
import pytest

from tests.exhaustive import exhaustive_but
from tests.training.tiny_recipe import RECIPE
from training.optimizer import decayed_variables
from training.recipe import RECIPES, Recipe, list_recipes, load_recipe

TINY = str(pathlib.Path(__file__).parent / "tiny_recipe.py")
NAMES = [name for name in list_recipes() if (RECIPES / f"{name}.py").is_file()]
VARIANTS = sorted({*list_recipes()} - {*NAMES})
BUILT = exhaustive_but([*NAMES, "imagenette_mobilenetv2_w50"], [*NAMES, *VARIANTS])


def test_every_recipe_says_its_command():
    assert len(NAMES) > 20
    for name in NAMES:
        assert f"--recipe={name}" in (RECIPES / f"{name}.py").read_text(), name


def test_every_variant_is_named_in_the_file_of_its_recipe():
    for variant in VARIANTS:
        files = [RECIPES / f"{name}.py" for name in NAMES if variant.startswith(f"{name}_")]
        assert any(re.search(rf"\b{variant}\b", file.read_text()) for file in files), variant


def test_a_variant_differs_from_its_recipe_in_its_network_alone():
    for name in VARIANTS:
        variant = load_recipe(name)
        file = next(n for n in sorted(NAMES, key=len, reverse=True) if name.startswith(f"{n}_"))
        same = {"model": "", "model_args": {}}
        recipe = load_recipe(file)
        assert dataclasses.replace(variant, **same) == dataclasses.replace(recipe, **same), name
        assert (variant.model_name, variant.model_args) != (recipe.model_name, recipe.model_args)
    assert load_recipe(VARIANTS[0], ["epochs=2"]).epochs == 2


@pytest.mark.parametrize("name", BUILT)
def test_every_recipe_builds_its_network(name):
    recipe = load_recipe(name)
    model = built(name, classes=7)
    assert model.inputs[0].shape == (None, recipe.image_size, recipe.image_size, 3)
    if isinstance(model.output, dict):  # of a detector
        assert {name: x.shape[-1] for name, x in model.output.items()} == {"boxes": 4, "classes": 7}
        return
    # of a classifier, or of a segmenter, which has one for every pixel
    assert {(output.shape[0], output.shape[-1]) for output in model.outputs} == {(None, 7)}


# RepVGG's authors let its gamma decay, as it stands for a kernel
IDENTITY = "identity_norm/gamma"


@pytest.mark.parametrize("name", BUILT)
def test_in_every_recipe_kernels_decay_and_nothing_else(name):
    model = built(name, classes=7)
    decayed = {v.path for v in decayed_variables(model)}
    left_out = {v.path for v in model.trainable_variables} - decayed
    identities = {path for path in decayed if path.endswith(IDENTITY)}
    kernels = {path.rsplit("/")[-1] for path in decayed - identities}
    assert "kernel" in kernels and kernels <= {"kernel", "factor0", "factor1"}
    scales = {"identity_scale", "kernel_scale"}  # of Dirac convolutions, vectors too
    assert {path.rsplit("/")[-1] for path in left_out} <= {"bias", "gamma", "beta"} | scales
    assert bool(identities) == ("repvgg" in name and "qa" not in name)
    assert not identities or not any(path.endswith(IDENTITY) for path in left_out)


def built(name, classes):
    """Returns the network of a recipe without values, which is five times as fast."""
    recipe = load_recipe(name)
    return _built(recipe.model, repr(recipe.model_args), recipe.image_size, classes, name)


@functools.cache
def _built(model, arguments, image_size, classes, name):
    with keras.StatelessScope(initialize_variables=False):
        return load_recipe(name).build(classes, (image_size, image_size, 3))


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="no_such_net"):
        Recipe("no_such_net").build(7, (32, 32, 3))


def test_recipes_of_papers_say_what_to_expect_and_that_it_was_not_seen():
    for name in [name for name in NAMES if name.startswith("imagenet_")]:
        text = (RECIPES / f"{name}.py").read_text()
        assert load_recipe(name).dataset == "imagenet2012", name
        assert "Not run here." in text, name
        assert "Published, top-1" in text or "no accuracy to expect" in text, name


def test_a_recipe_is_read_from_any_file():
    assert load_recipe(TINY).epochs == 2


def test_a_file_without_a_recipe_is_refused():
    with pytest.raises(ValueError, match=r"called RECIPE. Received: .*small_net.py"):
        load_recipe("small_net")


def test_fields_are_overridden_in_their_own_types():
    recipe = load_recipe(
        TINY, ["learning_rate=0.5", "model=vgnetg_1_0mp", "model_args={'se': True}", "ema=None"]
    )
    assert recipe.learning_rate == 0.5
    assert recipe.model == "vgnetg_1_0mp"
    assert recipe.model_args == {"se": True}
    assert recipe.ema is None


def test_sizes_follow_the_number_of_epochs():
    assert load_recipe("imagenette_vgnetg_long", ["epochs=10"]).train_sizes == ((7, 96), (3, 128))
    assert load_recipe(TINY, ["image_size=32"]).train_sizes == ((2, 32),)


def test_the_decay_follows_the_number_of_epochs():
    assert load_recipe("cifar10_igcv3").decay_epochs == (200, 300, 350)
    assert load_recipe("cifar10_igcv3", ["epochs=8"]).decay_epochs == (4, 6, 7)
    assert load_recipe("cifar10_igcv3", ["schedule=cosine", "decay_epochs=()"]).decay_epochs == ()


def test_the_warm_up_shrinks_with_the_number_of_epochs():
    name = "imagenette_vgnetg"
    assert load_recipe(name).warmup_epochs == 1
    assert load_recipe(name, ["epochs=1"]).warmup_epochs == 0.1
    assert load_recipe(name, ["epochs=100"]).warmup_epochs == 1
    assert load_recipe(name, ["epochs=5", "warmup_epochs=2"]).warmup_epochs == 2
    with pytest.raises(ValueError, match=r"warmup_epochs=3, epochs=2; set one of them"):
        load_recipe(name, ["epochs=2", "warmup_epochs=3"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 5}, "must add up"),
        ({"warmup_epochs": 3}, "shorter than the training"),
        ({"optimizer": "adamax"}, "must be one of"),
        ({"batch_size": 0}, "must be positive"),
        ({"minival": -0.1}, "must not be negative"),
        ({"schedule": "step"}, r"needs `decay_epochs`.*schedule='step', decay_epochs=\(\)"),
        ({"decay_epochs": (1,)}, "the others take none"),
    ],
)
def test_contradictions_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RECIPE, **change)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="Received: recipe='no_such_recipe'"):
        load_recipe("no_such_recipe")
    with pytest.raises(ValueError, match="Received: 'learningrate=1'"):
        load_recipe(TINY, ["learningrate=1"])
    with pytest.raises(ValueError, match="ema='much'"):
        load_recipe(TINY, ["ema=much"])


def test_a_model_by_name_is_built_with_its_arguments():
    recipe = Recipe("vgnetg_1_0mp", model_args={"se": True, "thumbnail": True})
    model = recipe.build(7, (32, 32, 3))
    assert model.name == "vgnetg_1_0mp_se"
    assert model.output_shape == (None, 7)
    assert model.layers[-1].activation.__name__ == "linear"
