r"""FalconNet from scratch on Imagenette at 128x128.

The expansion is 2, not 4, for the time's sake; imagenette_lightnet has the same.

    python -m training.train --recipe=imagenette_falconnet --data_dir=imagenette160 \
        --output_dir=runs/imagenette_falconnet

Time: 43 minutes of one core of an AMD EPYC. Accuracy: 68.2 %.
"""

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("falconnet", model_args={"expansion": 2})
