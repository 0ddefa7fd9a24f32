"""From pixels to the input of a network, and from its output to the names of classes."""

import numbers

import keras
import numpy as np

from keraslight.models.registry import list_models
from keraslight.pictures.names import imagenet_classes
from keraslight.pictures.preprocessing import IMAGENET, Preprocessing, is_of_tensorflow
from keraslight.weights.registry import published_for

__all__ = ["decode_predictions", "preprocess_image", "preprocess_input"]

CHANNELS = 3


def preprocessing_of(model) -> Preprocessing:
    """Returns the evaluation preprocessing of a network.

    Args:
        model: a `keraslight.LightModel`, or the name of one. A model knows which weights were
            loaded. A network without published weights has ImageNet's usual preprocessing.

    Returns:
        A `Preprocessing`.

    Raises:
        ValueError: if the model is not known.
    """
    if isinstance(model, str) and model in list_models():
        architecture = {"name": model}
    elif getattr(model, "architecture", None):
        architecture = model.architecture
    else:
        raise ValueError(
            "`model` must be a model as keraslight builds it, or one of keraslight.list_models(). "
            f"For a fused or converted model pass the name. Received: model={model!r}"
        )
    weights = published_for(architecture)
    if weights is None:
        return IMAGENET
    for source in weights.sources:
        if source.file == architecture.get("weights") and source.preprocessing is not None:
            return source.preprocessing
    return weights.preprocessing


def preprocess_input(x, model):
    """Normalizes pixels as in the training of a network.

    Args:
        x: array or tensor of RGB pixels in [0, 255], shape `(..., 3)`, of any size.
        model: a `keraslight.LightModel`, or the name of one.

    Returns:
        A float32 array or tensor of the same shape.

    Raises:
        ValueError: if the model is not known, or `x` does not have three channels.

    Example:
    >>> x = keraslight.preprocess_input(np.full((1, 2, 2, 3), 124), model="vgnetg_1_0mp")
    >>> [round(float(value), 2) for value in x[0, 0, 0]]
    [0.01, 0.14, 0.36]
    """
    _require_images(x, "x", ranks=None)
    return preprocessing_of(model).normalized(x)


def preprocess_image(image, model, size: int | None = None):
    """Resizes, crops and normalizes an image as in the published evaluation of a network.

    It works with every Keras backend, and inside `tf.data`.

    Args:
        image: array or TensorFlow tensor of shape `(height, width, 3)`, or a batch of them, RGB
            pixels in [0, 255].
        model: a `keraslight.LightModel`, or the name of one.
        size: optional int, height and width of the crop. Defaults to those of the published
            evaluation. The shorter side is resized in proportion.

    Returns:
        A float32 array or tensor of shape `(size, size, 3)`, or a batch of them.

    Raises:
        ValueError: if the model is not known, `image` is of another shape, or `size` not positive.

    Example:
    >>> image = np.zeros((375, 500, 3), "uint8")
    >>> tuple(keraslight.preprocess_image(image, model="vgnetg_1_0mp").shape)
    (224, 224, 3)
    """
    _require_images(image, "image", ranks=(3, 4))
    if size is not None and (not isinstance(size, numbers.Integral) or size < 1):
        raise ValueError(f"`size` must be a positive integer. Received: size={size!r}")
    preprocessing = preprocessing_of(model)
    if size is not None:
        preprocessing = preprocessing.for_size(size, size)
    if not is_of_tensorflow(image):
        return preprocessing(keras.ops.convert_to_numpy(image))
    import tensorflow as tf

    pixels = tf.numpy_function(preprocessing.pixels, [image], tf.uint8)
    shape = (preprocessing.height, preprocessing.width, CHANNELS)
    pixels.set_shape(shape if image.shape.rank == 3 else (image.shape[0], *shape))
    return preprocessing.normalized(pixels)


def _require_images(images, name, ranks):
    """Raises if the shape of RGB images is wrong, as far as it is known."""
    shape = getattr(images, "shape", None)
    # TensorFlow does not know the rank of every tensor in a data set
    if shape is None or getattr(shape, "rank", 0) is None:
        return
    shape = tuple(shape)
    if not shape or shape[-1] not in (None, CHANNELS) or (ranks and len(shape) not in ranks):
        raise ValueError(
            f"`{name}` must be RGB pixels with the channels last. Received: {name} of shape {shape}"
        )


def decode_predictions(predictions, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Returns the most probable ImageNet classes with the names of keras.applications.

    Args:
        predictions: array or tensor of shape `(batch, 1000)`.
        top: int, how many classes to return for each image.

    Returns:
        A list for each image of `(WordNet id, name, score)`, the highest score first.

    Raises:
        ValueError: if the predictions do not have 1000 classes, or `top` is not between 1 and 1000.

    Example:
    >>> keraslight.decode_predictions(np.eye(1000)[[7]], top=1)
    [[('n01514668', 'cock', 1.0)]]
    """
    classes = imagenet_classes()
    predictions = keras.ops.convert_to_numpy(predictions)
    if predictions.ndim != 2 or predictions.shape[1] != len(classes):
        raise ValueError(
            f"`predictions` must have the shape (batch, {len(classes)}) of a network trained on "
            f"ImageNet. Received: predictions of shape {predictions.shape}"
        )
    if not isinstance(top, numbers.Integral) or not 1 <= top <= len(classes):
        raise ValueError(
            f"`top` must be an integer between 1 and {len(classes)}. Received: top={top!r}"
        )
    return [
        [(*classes[index], float(row[index])) for index in np.argsort(-row, kind="stable")[:top]]
        for row in predictions
    ]
