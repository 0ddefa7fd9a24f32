"""What all image models share: the input, the classifier and the checks of the arguments."""

import keras

from keraslight.layers.initializers import conv_initializer
from keraslight.models.light_model import LightModel
from keraslight.models.pretrained import load_weights

POOLINGS = {
    "avg": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}


def pick(table: dict, key: str, argument: str):
    """Returns `table[key]`, or raises a `ValueError` that lists the keys."""
    if key not in table:
        raise ValueError(f"`{argument}` must be one of {list(table)}. Received: {argument}={key!r}")
    return table[key]


def image_input(input_tensor, input_shape, default_size: int, min_size: int, include_top: bool):
    """Returns the symbolic images that a model starts from, as in keras.applications.

    Args:
        input_tensor: optional symbolic tensor to use. It must agree with `input_shape`.
        input_shape: optional `(height, width, channels)`; height and width may be `None`.
        default_size: int, the height and the width if neither argument is given and the model has
            its top. Without the top they are `None`.
        min_size: int, the smallest height and width that the network can take.
        include_top: bool, whether the model has its classifier.

    Raises:
        ValueError: if the arguments contradict each other or the network, or if Keras is set to
            images of shape `(channels, height, width)`.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "keraslight models take images of shape (height, width, channels). Call "
            "keras.config.set_image_data_format('channels_last'). Received: "
            f"image_data_format={keras.config.image_data_format()!r}"
        )
    if input_tensor is not None:
        if not isinstance(input_tensor, keras.KerasTensor):
            raise ValueError(
                "`input_tensor` must be a symbolic Keras tensor, as keras.Input returns. "
                f"Received: input_tensor={input_tensor!r}"
            )
        if input_shape is not None and tuple(input_shape) != tuple(input_tensor.shape[1:]):
            raise ValueError(
                "`input_shape` contradicts `input_tensor`. Received: "
                f"input_shape={tuple(input_shape)}, input_tensor.shape={input_tensor.shape}"
            )
        input_shape = input_tensor.shape[1:]
    elif input_shape is None:
        side = default_size if include_top else None
        input_shape = (side, side, 3)
    if len(input_shape) != 3 or input_shape[-1] is None or input_shape[-1] < 1:
        raise ValueError(
            "`input_shape` must be (height, width, channels) with a known number of channels. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    if any(side is not None and side < min_size for side in input_shape[:2]):
        raise ValueError(
            f"The network needs images of at least {min_size}x{min_size} pixels. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    return keras.Input(input_shape, name="images") if input_tensor is None else input_tensor


def sizes(thumbnail: bool) -> dict[str, int]:
    """Returns the sizes for `image_input`: of the published networks, or of those for thumbnails.

    Networks for thumbnails, of 32x32 pixels as in CIFAR-10, have stride 1 at the first two places
    where the published ones have stride 2.
    """
    if thumbnail:
        return {"default_size": 32, "min_size": 8}
    return {"default_size": 224, "min_size": 32}


def classifier(
    features,
    include_top: bool,
    pooling: str | None,
    classes: int,
    classifier_activation,
    dropout_rate: float = 0.0,
    hidden: tuple = (),
    predictions: keras.layers.Layer | None = None,
):
    """Returns the output of the classifier or, without the top, the pooled or plain features.

    Args:
        features: symbolic tensor, the last feature map.
        include_top: the constructor's argument, as those that follow.
        pooling: see `include_top`.
        classes: see `include_top`.
        classifier_activation: see `include_top`.
        dropout_rate: see `include_top`.
        hidden: layers of the top between pooling and classifier, on images of one pixel.
        predictions: optional layer to take as the classifier, in place of a dense layer. Its name
            must be "predictions".
    """
    pool = None if pooling is None else pick(POOLINGS, pooling, "pooling")
    if not include_top:
        if pool is None:
            return features
        return pool(data_format="channels_last", name=f"{pooling}_pool")(features)
    if classes < 1:
        raise ValueError(f"`classes` must be positive. Received: classes={classes!r}")
    x = keras.layers.GlobalAveragePooling2D(
        keepdims=bool(hidden), data_format="channels_last", name="avg_pool"
    )(features)
    for layer in hidden:
        x = layer(x)
    if hidden:
        x = keras.layers.Flatten(data_format="channels_last", name="flatten")(x)
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="dropout")(x)
    if predictions is None:
        predictions = dense(classes, classifier_activation, "predictions")
    return predictions(x)


def dense(classes: int, activation, name: str) -> keras.layers.Dense:
    """Returns the dense layer of a classifier, not yet called."""
    return keras.layers.Dense(
        classes, activation=activation, kernel_initializer=conv_initializer(), name=name
    )


def image_model(
    start, outputs, *, input_tensor, architecture: dict, stages, name: str | None, weights
) -> LightModel:
    """Returns the model from `start` to `outputs`, with its weights loaded.

    Args:
        start: what `image_input` returned.
        outputs: symbolic tensor or list of them.
        input_tensor: the constructor's argument.
        architecture: dict, see `keraslight.models.architecture`.
        stages: sequence of `keraslight.Stage`.
        name: optional str; by default the name of the network.
        weights: the constructor's argument.
    """
    model = LightModel(
        _sources(start, input_tensor),
        outputs,
        name=name or architecture["name"],
        architecture=architecture,
        stages=stages,
    )
    load_weights(model, weights)
    return model


def _sources(start, input_tensor):
    """Returns the `keras.Input`s of a model that starts at the tensor `start`."""
    if input_tensor is None:
        return start
    inputs = keras.utils.get_source_inputs(input_tensor)
    return inputs[0] if len(inputs) == 1 else inputs
