r"""MobileNetV2 of keras.applications, the peer, from scratch on Imagenette at 128x128.

    python -m training.train --recipe=imagenette_mobilenetv2 --data_dir=imagenette160 \
        --output_dir=runs/imagenette_mobilenetv2

Time: 18 minutes of one core of an AMD EPYC. Accuracy: 69.5 %.
"""

import keras

from training.recipes.imagenette import imagenette_recipe


def mobilenetv2(classes, input_shape, classifier_activation) -> keras.Model:
    """Builds MobileNetV2 with the statistics' momentum that all other networks here have.

    Its own, 0.999, is for runs a hundred times as long.
    """
    model = keras.applications.MobileNetV2(
        # with its top, keras.applications would not take pictures of several sizes
        input_shape=input_shape,
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
