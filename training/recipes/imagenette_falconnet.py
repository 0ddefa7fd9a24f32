r"""FalconNet from scratch on Imagenette at 128x128.

The expansion is 2, not 4, for the time's sake; imagenette_lightnet has the same.

    python -m training.train --recipe=imagenette_falconnet --data_dir=imagenette160 \
        --output_dir=runs/imagenette_falconnet

Time: 43 minutes of one core of an AMD EPYC. Accuracy: 68.2 %.

The variants change RefCO, whose paper has R = 2:

    imagenette_falconnet_r1         R = 1
    imagenette_falconnet_r4         R = 4
    imagenette_falconnet_branches1  one branch of each factor in training
    imagenette_falconnet_branches4  four branches of each factor in training
"""

import dataclasses

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("falconnet", model_args={"expansion": 2})
VARIANTS = {
    name: dataclasses.replace(RECIPE, model_args={"expansion": 2, **arguments})
    for name, arguments in {
        "r1": {"reduction": 1},
        "r4": {"reduction": 4},
        "branches1": {"branches": (1, 1)},
        "branches4": {"branches": (4, 4)},
    }.items()
}
