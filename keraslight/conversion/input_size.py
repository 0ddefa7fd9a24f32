"""Gives a model that takes pictures of any size one size."""

from typing import TYPE_CHECKING

from keraslight.conversion.keras_model import image_shape

if TYPE_CHECKING:
    import keras


def with_input_size(model: "keras.Model", size: tuple[int, int] | None) -> "keras.Model":
    """Returns a model that takes pictures of one size.

    Args:
        model: a functional model with one image input.
        size: `(height, width)`; `None` if the model has its own.

    Returns:
        The model itself if it takes that size alone, else a copy with the same weights.

    Raises:
        ValueError: if the model takes another size, or any and none is given.
    """
    import keras

    height, width, channels = image_shape(model, size)
    own = tuple(model.input_shape[1:3])
    if own == (height, width):
        return model
    copy = keras.models.clone_model(
        model, input_tensors=keras.Input((height, width, channels), name=model.inputs[0].name)
    )
    copy.set_weights(model.get_weights())
    return copy
