"""From pixels to the input of a network, and from its output to the names of classes."""

import functools
import importlib.resources

import keras
import numpy as np

from keraslight.models.registry import list_models
from keraslight.weights.preprocessing import IMAGENET, Preprocessing
from keraslight.weights.registry import published_for

__all__ = ["decode_predictions", "preprocess_image", "preprocess_input"]


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
        x: array or tensor of RGB pixels in [0, 255], shape `(..., channels)`, of any size.
        model: a `keraslight.LightModel`, or the name of one.

    Returns:
        A float32 array or tensor of the same shape.

    Raises:
        ValueError: if the model is not known.

    Example:
    >>> x = keraslight.preprocess_input(np.full((1, 2, 2, 3), 124), model="vgnetg_1_0mp")
    >>> [round(float(value), 2) for value in x[0, 0, 0]]
    [0.01, 0.14, 0.36]
    """
    return preprocessing_of(model).normalize(x)


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
        ValueError: if the model is not known.

    Example:
    >>> image = np.zeros((375, 500, 3), "uint8")
    >>> tuple(keraslight.preprocess_image(image, model="vgnetg_1_0mp").shape)
    (224, 224, 3)
    """
    preprocessing = preprocessing_of(model)
    return preprocessing.normalize(preprocessing.crop(image, size))


@functools.cache
def imagenet_classes() -> tuple[tuple[str, str], ...]:
    """Returns the WordNet id and the name of each of ImageNet's 1000 classes, in order."""
    lines = importlib.resources.files(__package__).joinpath("imagenet_classes.txt").read_text()
    return tuple(tuple(line.split(" ")) for line in lines.splitlines())


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
    if not 1 <= top <= len(classes):
        raise ValueError(f"`top` must be between 1 and {len(classes)}. Received: top={top!r}")
    return [
        [(*classes[index], float(row[index])) for index in np.argsort(-row, kind="stable")[:top]]
        for row in predictions
    ]
