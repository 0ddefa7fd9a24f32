"""A recipe that trains in seconds, for the tests."""

import keras

import keraslight
from training.recipe import Recipe


def tiny_network(
    classes, input_shape, classifier_activation, dropout=0.2, normalized=True, factorized=False
):
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(8, 3, 2, use_bias=False)(inputs)
    x = keras.layers.BatchNormalization(momentum=0.9)(x) if normalized else x
    x = keras.layers.ReLU()(x)
    if factorized:
        x = keras.layers.ReLU()(keraslight.layers.RefCO(8)(x))
    x = keras.layers.Conv2D(16, 3, 2)(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x) if normalized else x
    x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(classes, classifier_activation)(x))


RECIPE = Recipe(
    model=tiny_network,
    image_size=16,
    eval_crop=1.0,
    epochs=2,
    batch_size=8,
    optimizer="adamw",
    learning_rate=0.02,
    weight_decay=0.05,
    warmup_epochs=0.5,
    label_smoothing=0.1,
    mixup=0.2,
    ema=0.9,
    qat_images=16,
)
