"""What is known of the pictures and the classes of a model."""

import keraslight
from keraslight.conversion.keras_model import Source
from keraslight.pictures.names import imagenet_classes, read_labels
from keraslight.pictures.preprocessing import shorter_side
from keraslight.tflite.labels import BACKGROUND, IMAGENET
from keraslight.weights.inference import preprocessing_of


def known_labels(source: Source, labels: str | None, weights: str | None) -> tuple | None:
    """Returns the names of the classes, as they are written to a file for people to read.

    Of ImageNet they are words, which `keraslight.tflite.labels.labels_of` takes for WordNet ids.

    Args:
        source: the model.
        labels: optional path of a file with one name a line, or `"imagenet"`.
        weights: what the model was given as `weights`.

    Returns:
        A tuple of names: those that were asked for, those of the run, or those of the published
        weights; `None` if they are not known.
    """
    if labels and labels != IMAGENET:
        return read_labels(labels)
    names = tuple(name for _, name in imagenet_classes())
    outputs = source.model.output_shape[-1]
    if labels:
        return (BACKGROUND, *names) if outputs == len(names) + 1 else names
    published = weights == IMAGENET and outputs == len(names)
    return source.labels or (names if published else None)


def known_preprocessing(source: Source, height: int, width: int) -> dict:
    """Returns what is known of the preprocessing of a model's pictures.

    Args:
        source: the model.
        height: int, of the file's input.
        width: int, of the file's input.

    Returns:
        A dict of arguments of `keraslight.pictures.preprocessing.Preprocessing`: that of the run's
        recipe, or what the published weights of a network of keraslight take; empty if nothing is
        known.
    """
    recipe, model = source.recipe, source.model
    if recipe:
        resize = shorter_side(height, width, recipe["eval_crop"])
        normalization = {name: tuple(recipe[name]) for name in ("mean", "std")}
        return {"resize": resize, **normalization}
    if isinstance(model, keraslight.LightModel) and model.input_shape[-1] == 3:
        published = preprocessing_of(model).for_size(height, width)
        names = ("resize", "interpolation", "mean", "std")
        return {name: getattr(published, name) for name in names}
    return {}
