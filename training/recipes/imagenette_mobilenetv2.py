r"""MobileNetV2 of keras.applications, the peer, from scratch on Imagenette at 128x128.

    python -m training.train --recipe=imagenette_mobilenetv2 --data_dir=imagenette160 \
        --output_dir=runs/imagenette_mobilenetv2

Time: 18 minutes of one core of an AMD EPYC. Accuracy: 69.5 %.

The variants have a part of its width, to match other networks in parameters or multiply-adds, or
both (fused, with 10 classes at 128x128):

    imagenette_mobilenetv2_w50   0.68 M  31.3 M  the parameters of VGNetG-1.0MP, and IGCV3-D 0.5
    imagenette_mobilenetv2_w60   0.93 M  48.9 M  the multiply-adds of VGNetG-1.0MP and FalconNet
    imagenette_mobilenetv2_w70   1.19 M  56.3 M  IGCV3-D 0.7; VGNetG-1.0MP has 46 % fewer parameters
"""

import dataclasses

import keras

from training.recipes.imagenette import imagenette_recipe


def mobilenetv2(classes, input_shape, classifier_activation, width: float = 1.0) -> keras.Model:
    """Builds MobileNetV2 with the statistics' momentum that all other networks here have.

    Its own, 0.999, is for runs a hundred times as long.

    Args:
        classes, input_shape, classifier_activation: as in keras.applications.
        width: the factor of all numbers of channels but the last, which never shrinks.
    """
    model = keras.applications.MobileNetV2(
        # with its top, keras.applications would not take pictures of several sizes
        input_shape=input_shape,
        alpha=width,
        include_top=False,
        pooling="avg",
        weights=None,
    )
    model = keras.models.clone_model(model, clone_function=with_short_memory)
    outputs = keras.layers.Dense(classes, classifier_activation, name="predictions")(model.output)
    return keras.Model(model.input, outputs, name="mobilenetv2")


def with_short_memory(layer):
    """Returns a copy of a layer; a BatchNormalization's has a momentum of 0.9."""
    config = layer.get_config()
    if isinstance(layer, keras.layers.BatchNormalization):
        config["momentum"] = 0.9
    return layer.__class__.from_config(config)


RECIPE = imagenette_recipe(mobilenetv2)
VARIANTS = {
    name: dataclasses.replace(RECIPE, model_args={"width": width})
    for name, width in (("w50", 0.5), ("w60", 0.6), ("w70", 0.7))
}
