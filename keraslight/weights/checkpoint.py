"""Loads checkpoints into models: of a path, of a url, or those published for the network."""

import os
import pathlib

import keras

from keraslight.models.pretrained import register_loader
from keraslight.weights.assign import assign, warn_of_other_kernels
from keraslight.weights.download import (
    cache_folder,
    digest_of,
    first_usable,
    is_url,
    url_source,
)
from keraslight.weights.igcv3_names import igcv3_tensors
from keraslight.weights.igcv3_pytorchcv_names import pytorchcv_igcv3_tensors
from keraslight.weights.keras_file import load_keras_file, save_keras_file
from keraslight.weights.messages import say
from keraslight.weights.readers import KERAS_SUFFIX, read_tensors, suffix_of
from keraslight.weights.registry import require_published
from keraslight.weights.repvgg_names import repvgg_tensors, timm_repvgg_tensors
from keraslight.weights.tensor_map import TensorMap, head_of
from keraslight.weights.vgnet_names import vgnet_tensors

# for every family the ways its tensors are named
NAMINGS = {
    "igcv3": (igcv3_tensors, pytorchcv_igcv3_tensors),
    "repvgg": (repvgg_tensors, timm_repvgg_tensors),
    "vgnet": (vgnet_tensors,),
}
STEP_COUNTER = "num_batches_tracked"
IMAGENET = "imagenet"
IMAGENET_CLASSES = 1000


def load_checkpoint(model, path: str | os.PathLike) -> None:
    """Loads a checkpoint with official tensor names into a model.

    Either every tensor is loaded or, where one does not fit, none. Nothing in a checkpoint can make
    this run code; PyTorch and MXNet are not needed.

    Args:
        model: a model as keraslight builds it, not fused.
        path: path of a .pth, .pt, .bin, .pth.zip, .safetensors, .npz or .params file with the
            tensors of the official implementation, or another that is known, in its layout; or of
            a .weights.h5 file that `model.save_weights` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read, or its tensors are not those of the model; the
            message names every missing, unexpected and misshaped tensor.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3))
    >>> model.save_weights("vgnetg.weights.h5")
    >>> keraslight.load_checkpoint(model, "vgnetg.weights.h5")
    """
    if not getattr(model, "architecture", None):
        raise ValueError(
            "Checkpoints are loaded into models as keraslight builds them, before they are fused. "
            f"Received: model={model!r}"
        )
    _load_file(model, path, strict=True)
    model.architecture.pop("weights", None)


@register_loader
def load_weights(model, weights: str | os.PathLike | None) -> None:
    """Loads the constructor argument `weights`.

    Args:
        model: a model as keraslight builds it, not fused.
        weights: `None` for none; `"imagenet"` for those published for the network; or the path or
            the url of a checkpoint, see `keraslight.load_checkpoint`. A url may end in
            `#sha256=...`, which is then verified. A classifier of another number of classes, or one
            that the model does not have, is left out.

    Raises:
        FileNotFoundError: if there is no file of that path.
        DownloadError: if the file could not be fetched, or is not the one that was published.
        ValueError: if no weights were published for the network, or the checkpoint does not fit.
    """
    if weights is None:
        return
    if weights == IMAGENET:
        published = require_published(model.architecture)
        source = first_usable(published.sources, lambda path: _load_published(model, path))
        model.architecture["weights"] = source.file
        if source.preprocessing is not None:
            say(
                f"{source.file} wants other images than {published.sources[0].file}: pass the "
                "model, not its name, to keraslight.preprocess_input."
            )
    elif is_url(weights):
        first_usable([url_source(weights)], lambda path: _load_file(model, path, strict=False))
    else:
        _load_file(model, weights, strict=False)


def _load_file(model, path, strict):
    path = pathlib.Path(path)
    if suffix_of(path.name) == KERAS_SUFFIX:
        load_keras_file(model, path, strict)
    else:
        values = {k: v for k, v in read_tensors(path).items() if not k.endswith(STEP_COUNTER)}
        assign(model, _tensor_map(model, values), values, path, strict)
    if model.architecture["family"] in NAMINGS:
        warn_of_other_kernels(model, _tensor_map(model))


def _load_published(model, path):
    """Loads a published file; the network as published is kept in Keras's format too."""
    network = f"{model.architecture['name']}-{digest_of(path)[:16]}-keras{keras.__version__}"
    converted = cache_folder() / f"{network}{KERAS_SUFFIX}"
    as_published = _is_as_published(model)
    if as_published and converted.is_file():
        try:
            _load_file(model, converted, strict=True)
            return
        except ValueError as error:
            say(f"{converted} is damaged and is made again. {error}")
    _load_file(model, path, strict=False)
    if as_published:
        try:
            save_keras_file(model, converted)
        except OSError as error:
            say(f"{converted} could not be written, which only costs time: {error}")


def _is_as_published(model):
    head = head_of(model)
    return (
        head is not None
        and head.units == IMAGENET_CLASSES
        and len(model.weights) == len(_tensor_map(model))
        and all(weight.dtype == "float32" for weight in model.weights)
    )


def _tensor_map(model, names=()) -> TensorMap:
    """Returns the map of a model's tensors, in that naming which most of the names are of."""
    family = model.architecture["family"]
    if family not in NAMINGS:
        raise ValueError(
            f"There are published names of tensors for the families {sorted(NAMINGS)}; models of "
            f"others take files that model.save_weights wrote. Received: model={model!r}"
        )
    maps = [naming(model) for naming in NAMINGS[family]]
    return max(maps, key=lambda tensors: len(tensors.keys() & set(names)))
