"""What networks cost, counted by building and fusing them. Nothing is trained or timed."""

import keras

import keraslight
from keraslight.weights.registry import published_for
from training.recipe import load_recipe

CLASSES = 10  # of Imagenette
# The factors of FalconNet, which the claims of its paper are about, are counted as factors. In int8
# `fuse` writes the dense kernel by default: no slower on any machine that was measured.
POLICY = keraslight.Policy("int8", narrow_pair="mixed", wide_pair="grouped")


def models(names: list[str] | None = None) -> list[dict]:
    """Returns the cost of networks, as built and fused, and what was published of them.

    Args:
        names: optional names of the networks. By default all.
    """
    rows = []
    for name in names or keraslight.list_models():
        keras.backend.clear_session(free_memory=True)
        model = keraslight.create_model(name)
        info = keraslight.model_info(model)
        # weights of another version of the network than the one that is built by default
        weights = published_for({"name": name})
        rows.append(
            {
                "model": name,
                **costs(model),
                "top1": info["top1"],
                "top1_source": info["top1_source"],
                "licence": info["licence"] or (weights and weights.licence),
            }
        )
    return rows


def recipes(names: list[str]) -> list[dict]:
    """Returns the cost of the networks of recipes at the size they are evaluated with."""
    rows = []
    for name in names:
        keras.backend.clear_session(free_memory=True)
        recipe = load_recipe(name)
        side = recipe.image_size
        rows.append(
            {
                "recipe": name,
                "image_size": side,
                **costs(recipe.build(CLASSES, (side, side, 3))),
            }
        )
    return rows


def costs(model: keras.Model) -> dict:
    """Returns parameters and multiply-adds of a model and of its fused form."""
    fused = keraslight.fuse(model, target=POLICY)
    return {
        "parameters": model.count_params(),
        "fused_parameters": fused.count_params(),
        "macs": keraslight.count_macs(model),
        "fused_macs": keraslight.count_macs(fused),
    }
