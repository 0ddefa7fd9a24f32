"""Gives a model the tensors of a checkpoint: all of them, or none."""

import warnings

import keras
import numpy as np

from keraslight.weights.messages import say
from keraslight.weights.tensor_map import TensorMap

# how far a fixed kernel in a checkpoint may be from the one the layer computes
KERNEL_TOLERANCE = 1e-4


def assign(model, tensors: TensorMap, values: dict, path, strict: bool) -> None:
    """Assigns the tensors of a checkpoint to the variables of a model.

    Args:
        model: the model.
        tensors: where each tensor belongs.
        values: the tensors.
        path: where they come from, for the messages.
        strict: whether the classifier must fit too; if not, one of another number of classes, or
            one that the model does not have, is left out.

    Raises:
        ValueError: if the tensors are not those of the model, which is then left as it was.
    """
    values = {name: v for name, v in values.items() if not name.startswith(tensors.unused)}
    if not strict:
        values = _without_misfit_head(model, tensors, values)
    _refuse_misfits(tensors, values, path)
    for name, value in values.items():
        tensors[name].variable.assign(tensors[name].to_keras(value.astype("float32")))


def _without_misfit_head(model, tensors, values):
    found = {name: values[name].shape for name in tensors.head_names & values.keys()}
    wanted = {name: tensors[name].published_shape for name in tensors.head_names & tensors.keys()}
    if not found or found == wanted:
        return values
    for name in wanted:
        del tensors[name]
    outcome = "keeps its initial values" if wanted else "does not exist"
    say(f"{model.name}: the checkpoint's classifier was left out; the model's {outcome}.")
    return {name: value for name, value in values.items() if name not in found}


def _refuse_misfits(tensors, values, path):
    shapes = {
        name: (tuple(values[name].shape), entry.published_shape)
        for name, entry in tensors.items()
        if name in values
    }
    misfits = {
        "missing": sorted(tensors.keys() - values.keys()),
        "unexpected": sorted(values.keys() - tensors.keys()),
        "misshaped": [
            f"{name} {found} instead of {expected}"
            for name, (found, expected) in shapes.items()
            if found != expected
        ],
        "not finite": [name for name in shapes if not np.isfinite(values[name]).all()],
    }
    if any(misfits.values()):
        lines = [f"{kind}: {', '.join(names)}" for kind, names in misfits.items() if names]
        raise ValueError(
            "The checkpoint does not fit the model, which was left as it was.\n"
            + "\n".join(lines)
            + f"\nReceived: path='{path}'"
        )


def warn_of_other_kernels(model, tensors: TensorMap) -> None:
    """Warns if fixed kernels of a model are not those that its layers compute."""
    other = []
    for name, layer in tensors.fixed.items():
        kernel = keras.ops.convert_to_numpy(layer.kernel)
        if np.abs(kernel - layer.given_kernel(kernel.shape[2])).max() > KERNEL_TOLERANCE:
            other.append(name)
    if other:
        warnings.warn(
            f"{model.name}: the checkpoint has other fixed kernels than the layers compute. They "
            f"were loaded, as it was trained with them: {', '.join(other)}",
            stacklevel=2,
        )
