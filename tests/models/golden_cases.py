"""The golden cases: reference logits of the official implementations."""

import pathlib

import keras
import numpy as np

import keraslight
from tests.golden import recipe

FOLDER = pathlib.Path(__file__).parent.parent / "golden"


def names(prefix=""):
    return sorted(path.stem for path in FOLDER.glob(f"{prefix}*.json"))


def build(name, folder):
    """Returns (model with the case's weights, case, its logits)."""
    case, logits = recipe.load_case(FOLDER / f"{name}.json")
    path = folder / f"{name}.npz"
    np.savez(path, **recipe.state_dict(case))
    return build_model(case, name, weights=path), case, logits


def build_model(case, name, weights):
    return BUILDERS[family_of(name)](case, name, weights=weights, **common(case))


def family_of(name):
    return FAMILIES[name.split("_")[0]]


def images(case, kind):
    return recipe.image(case, kind).transpose(0, 2, 3, 1)


def common(case):
    size = case["input_size"]
    return {
        "classes": case["classes"],
        "input_shape": (size, size, 3),
        "classifier_activation": None,
    }


def vgnet(case, name, **kwargs):
    options = {"thumbnail": case["thumbnail"]}
    if not case["model"].startswith(("vgnete", "vgnetf")):
        options["version"] = 1 if name.startswith("vgnet_paper") else 2
    return keraslight.create_model(case["model"], **kwargs, **options)


def repvgg(case, name, **kwargs):
    variant = name.split("repvgg")[1].removeprefix("v2").strip("_").split("_")[0]
    variant = {"plus": "plus_l2pse"}.get(variant, variant)
    block = "qa" if name.startswith("qa") else "repvgg"
    return keraslight.RepVGG(variant, block=block, **kwargs)


def igcv3(case, name, **kwargs):
    *_, variant, width = name.split("_")
    return keraslight.IGCV3(variant, float(width), **kwargs)


BUILDERS = {"igcv3": igcv3, "repvgg": repvgg, "vgnet": vgnet}
# the beginning of a case's name: the family it is of
FAMILIES = {
    "igcv3": "igcv3",
    "pytorchcv": "igcv3",
    "vgnet": "vgnet",
    "repvgg": "repvgg",
    "timm": "repvgg",
    "qarepvggv2": "repvgg",
}


def trainable_parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def logits_of(model, case, kind):
    return keras.ops.convert_to_numpy(model(images(case, kind), training=False))
