"""From pixels to what a network takes, and from what it gives to the names of classes."""

import functools
import importlib.resources

import keras
import numpy as np

from keraslight.models.registry import list_models
from keraslight.weights.preprocessing import IMAGENET, Preprocessing
from keraslight.weights.registry import published_for


def preprocessing_of(model) -> Preprocessing:
    """Returns the evaluation preprocessing of a network.

    Args:
        model: a model that keraslight built, or its name. A model knows which weights it was given;
            a network without published weights is taken to want ImageNet's mean and standard
            deviation.

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
            "`model` must be a model as keraslight builds it, or one of keraslight.list_models(); "
            f"of one that was fused or converted, the name. Received: model={model!r}"
        )
    weights = published_for(architecture)
    if weights is None:
        return IMAGENET
    for source in weights.sources:
        if source.file == architecture.get("weights") and source.preprocessing is not None:
            return source.preprocessing
    return weights.preprocessing


def preprocess_input(x, model):
    """Normalizes pixels the way a network was trained on them.

    Args:
        x: array or tensor of RGB pixels in [0, 255], shape `(..., channels)`, of any size.
        model: a model that keraslight built, or its name.

    Returns:
        A float32 array, for an array, or tensor of the same shape.

    Raises:
        ValueError: if the model is not known.

    Example:
    >>> x = keraslight.preprocess_input(np.full((1, 2, 2, 3), 124), model="vgnetg_1_0mp")
    >>> [round(float(value), 2) for value in x[0, 0, 0]]
    [0.01, 0.14, 0.36]
    """
    return preprocessing_of(model).normalize(x)


def preprocess_image(image, model, size: int | None = None):
    """Does to an image all that was done to those on which the published accuracy was measured.

    The shorter side is scaled, the centre cut out and the pixels normalized. Works on every Keras
    backend, and inside `tf.data`.

    Args:
        image: array or TensorFlow tensor of shape `(height, width, 3)`, or a batch of such, RGB
            pixels in [0, 255].
        model: a model that keraslight built, or its name.
        size: optional height and width wanted, by default those of the published evaluation; the
            scaling keeps its proportion to them.

    Returns:
        A float32 array, for an array, or tensor of shape `(size, size, 3)`, or a batch of such.

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
    """Returns ImageNet's 1000 classes in order: the WordNet id and the name of each."""
    lines = importlib.resources.files(__package__).joinpath("imagenet_classes.txt").read_text()
    return tuple(tuple(line.split(" ")) for line in lines.splitlines())


def decode_predictions(predictions, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Names the most probable ImageNet classes; the names are those of keras.applications.

    Args:
        predictions: array or tensor of shape `(batch, 1000)`.
        top: int, how many classes to return for each image.

    Returns:
        For each image a list of `(WordNet id, name, score)`, the highest score first.

    Raises:
        ValueError: if the predictions are not of 1000 classes, or `top` not between 1 and 1000.

    Example:
    >>> keraslight.decode_predictions(np.eye(1000)[[7]], top=1)
    [[('n01514668', 'cock', 1.0)]]
    """
    classes = imagenet_classes()
    predictions = keras.ops.convert_to_numpy(predictions)
    if predictions.ndim != 2 or predictions.shape[1] != len(classes):
        raise ValueError(
            f"`predictions` must be of shape (batch, {len(classes)}), of a network trained on "
            f"ImageNet. Received: predictions of shape {predictions.shape}"
        )
    if not 1 <= top <= len(classes):
        raise ValueError(f"`top` must be between 1 and {len(classes)}. Received: top={top!r}")
    return [
        [(*classes[index], float(row[index])) for index in np.argsort(-row, kind="stable")[:top]]
        for row in predictions
    ]
