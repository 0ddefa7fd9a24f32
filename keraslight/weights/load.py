"""Loads weights into models: a checkpoint, a url, or the weights published for the network."""

import os
import pathlib
import warnings

import h5py
import keras
import numpy as np

from keraslight.models.pretrained import register_loader
from keraslight.text import printable
from keraslight.weights.cache import first_usable, is_url, url_source
from keraslight.weights.families import register_all
from keraslight.weights.messages import say
from keraslight.weights.names import (
    TensorMap,
    assign,
    classifier_of,
    has_names,
    tensor_map,
    warn_of_other_kernels,
)
from keraslight.weights.readers import KERAS_SUFFIX, budget_of, read_tensors, suffix_of
from keraslight.weights.registry import require_published

__all__ = ["load_checkpoint"]

register_all()

STEP_COUNTER = ".num_batches_tracked"
IMAGENET = "imagenet"


def load_checkpoint(model, path: str | os.PathLike, skip_classifier: bool = False) -> None:
    """Loads a checkpoint into a model.

    Either all tensors are loaded, or the model stays as it was. Nothing in a checkpoint can run
    code. PyTorch and MXNet are not needed.

    Args:
        model: a `keraslight.LightModel` as its constructor returns it, not fused.
        path: path of a .pth, .pt, .bin, .pth.zip, .safetensors, .npz or .params file with the
            tensor names and layouts of the official implementation, or of another one that is
            known for the family; or of a .weights.h5 file that `model.save_weights` wrote.
        skip_classifier: bool, whether to leave out the checkpoint's classifier if the model has
            none, or has one of another number of classes. The model's classifier then keeps its
            values. The constructors' argument `weights` does so. By default such a checkpoint is
            refused.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read, or its tensors are not those of the model. The
            message names the tensors that do not fit.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3))
    >>> model.save_weights("vgnetg.weights.h5")
    >>> keraslight.load_checkpoint(model, "vgnetg.weights.h5")
    >>> other = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3), classes=10)
    >>> keraslight.load_checkpoint(other, "vgnetg.weights.h5", skip_classifier=True)
    vgnetg_1_0mp: the checkpoint's classifier was left out; the model's keeps its initial values.
    """
    if not getattr(model, "architecture", None):
        raise ValueError(
            "Checkpoints are loaded into models as keraslight builds them, before they are fused. "
            f"Received: model={model!r}"
        )
    _load_file(model, path, skip_classifier)
    model.architecture.pop("weights", None)


@register_loader
def load_weights(model, weights: str | os.PathLike | None) -> None:
    """Loads the constructor argument `weights`.

    Args:
        model: a `keraslight.LightModel`, not fused.
        weights: `None` for none; `"imagenet"` for the weights that were published for the network;
            or the path or the url of a checkpoint, see `keraslight.load_checkpoint`. A url may end
            in `#sha256=` and the hash of the file, which is then verified. A classifier that the
            model does not have, or that has another number of classes, is left out.

    Raises:
        FileNotFoundError: if there is no file of that path.
        DownloadError: if the file could not be downloaded, or is not the one that was published.
        ValueError: if no weights were published for the network, or the checkpoint does not fit.
    """
    if weights is None:
        return
    if weights == IMAGENET:
        published = require_published(model.architecture)
        source = first_usable(published.sources, lambda path: _load_file(model, path, True))
        model.architecture["weights"] = source.file
        if source.preprocessing is not None:
            say(
                f"{source.file} needs other preprocessing than {published.sources[0].file}: pass "
                "the model, not its name, to keraslight.preprocess_input."
            )
    elif is_url(weights):
        first_usable([url_source(weights)], lambda path: _load_file(model, path, True))
    else:
        _load_file(model, weights, True)


def _load_file(model, path, skip_classifier):
    path = pathlib.Path(path)
    if suffix_of(path.name) == KERAS_SUFFIX:
        load_keras_file(model, path, skip_classifier)
        tensors = tensor_map(model) if has_names(model) and model.stages else TensorMap()
        warn_of_other_kernels(model, tensors)
        return
    values = {k: v for k, v in read_tensors(path).items() if not k.endswith(STEP_COUNTER)}
    tensors = tensor_map(model, values)
    assign(model, tensors, values, path, skip_classifier)
    warn_of_other_kernels(model, tensors)


def load_keras_file(model, path, skip_classifier):
    """Loads a file that `model.save_weights` wrote; it leaves the model as it was if it fails."""
    budget = budget_of(path)
    try:
        _pay_for_keras_file(path, budget)
    except Exception as error:
        raise ValueError(
            f"The file cannot be read as {KERAS_SUFFIX}: {printable(error)} "
            f"Received: path={str(path)!r}"
        ) from error
    classifier = classifier_of(model)
    try:
        _load_all(model, path)
    except ValueError:
        if not skip_classifier or classifier is None:
            raise
        _load_all(keras.Model(model.inputs, classifier.input), path)
        say(
            f"{model.name}: the checkpoint's classifier was left out; "
            "the model's keeps its initial values."
        )


def _pay_for_keras_file(path, budget):
    """Pays for all that a file holds, before Keras reads any of it.

    HDF5 files can claim gigabytes that they do not hold, and can refer to other files.
    """
    with h5py.File(path) as file:
        groups = [file]
        while groups:
            group = groups.pop()
            budget.spend(operations=len(group))
            for name in group:
                item = group[name] if type(group.get(name, getlink=True)) is h5py.HardLink else None
                if isinstance(item, h5py.Group):
                    groups.append(item)
                elif isinstance(item, h5py.Dataset) and not (item.external or item.is_virtual):
                    budget.spend(bytes=(item.size or 0) * item.dtype.itemsize)
                else:
                    raise ValueError(f"{name} refers to another place.")


def _load_all(model, path):
    before = model.get_weights()
    try:
        # Keras leaves variables that it does not find as they were, and then these stay NaN
        model.set_weights([np.full_like(value, np.nan) for value in before])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load_weights(path)
        loaded = zip(model.weights, model.get_weights(), strict=True)
        missing = [weight.path for weight, value in loaded if not np.isfinite(value).all()]
        if missing:
            raise ValueError(f"missing or not finite: {', '.join(missing)}.")
    except Exception as error:
        model.set_weights(before)
        raise ValueError(
            "The file does not fit the model, which was left as it was: "
            f"{printable(error)} Received: path={str(path)!r}"
        ) from error
