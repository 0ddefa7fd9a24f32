"""The golden cases: reference logits of the official implementations."""

import pathlib

import keras
import numpy as np

import keraslight
from keraslight.models import registry
from tests.golden import recipe

FOLDER = pathlib.Path(__file__).parent.parent / "golden"


def names(prefix=""):
    return sorted(path.stem for path in FOLDER.glob(f"{prefix}*.json"))


def families():
    """Returns the families that have a golden case."""
    cases = (recipe.load_case(path)[0] for path in FOLDER.glob("*.json"))
    return {registry.family_of(case["build"]["name"]) for case in cases}


def build(name, folder):
    """Returns (model with the case's weights, case, its logits)."""
    case, logits = recipe.load_case(FOLDER / f"{name}.json")
    path = folder / f"{name}.npz"
    np.savez(path, **recipe.state_dict(case))
    return build_model(case, weights=path), case, logits


def build_model(case, weights):
    size = case["input_size"]
    return keraslight.create_model(
        **case["build"],
        weights=weights,
        classes=case["classes"],
        input_shape=(size, size, 3),
        classifier_activation=None,
    )


def images(case, kind):
    return recipe.image(case, kind).transpose(0, 2, 3, 1)


def trainable_parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def logits_of(model, case, kind):
    return keras.ops.convert_to_numpy(model(images(case, kind), training=False))
