r"""MobileNetV2 with SSDLite, the peer, from scratch on the composed data set, at 160x160.

    python -m training.train --recipe=composed_mobilenetv2_ssdlite --data_dir=composed \
        --output_dir=runs/composed_mobilenetv2_ssdlite

It has 0.6 of its width: about the multiply-adds of VGNetG-1.0MP. Its precision is in
results/detection.csv.
"""

import keras

from training.recipes.composed import composed_recipe
from training.recipes.imagenette_mobilenetv2 import with_short_memory


def mobilenetv2(include_top, input_shape, width: float = 0.6) -> keras.Model:
    """Builds the MobileNetV2 of keras.applications with the feature maps that SSDLite reads.

    Args:
        include_top: must be `False`.
        input_shape: as in keras.applications.
        width: the factor of all numbers of channels but the last, which never shrinks.
    """
    model = keras.applications.MobileNetV2(
        input_shape=input_shape, alpha=width, include_top=include_top, weights=None
    )
    model = keras.models.clone_model(model, clone_function=with_short_memory)
    # MobileNetV2's paper, section 6.2: the expansion of the 15th block, and the last layer
    model.pyramid_outputs = {
        "P4": model.get_layer("block_13_expand_relu").output,
        "P5": model.output,
    }
    return model


RECIPE = composed_recipe(mobilenetv2)
