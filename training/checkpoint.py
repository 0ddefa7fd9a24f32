"""Checkpoints that a run can be resumed from as if it had never stopped.

Keras's BackupAndRestore starts an epoch anew that was interrupted, forgets the random state of
Dropout, and writes its files in place, where a kill leaves half of one.
"""

import json
import pathlib

import keras
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from keraslight.files import write_whole


def write_state(path: pathlib.Path, model: keras.Model, progress: dict) -> None:
    """Writes the state of a training run to a file, whole or not at all.

    Args:
        path: path of a .safetensors file.
        model: a compiled model.
        progress: dict of what else the run must know, fit for JSON.
    """
    # on JAX the state of a running fit() lies outside the variables
    getattr(model, "jax_state_sync", lambda: None)()
    tensors = {
        f"{index:05d}": np.array(keras.ops.convert_to_numpy(variable), order="C")
        for index, variable in enumerate(_state_variables(model))
    }
    write_whole(path, save(tensors, {"progress": json.dumps(progress)}))


def read_progress(path: pathlib.Path) -> dict:
    """Returns the `progress` that `write_state` wrote."""
    with safe_open(path, "numpy") as file:
        return json.loads(file.metadata()["progress"])


def read_state(path: pathlib.Path, model: keras.Model) -> None:
    """Sets the state of a training run from a file.

    Args:
        path: path of the file.
        model: a compiled model, made like the one the file was written from.

    Raises:
        ValueError: if the file is of another model or optimizer.
    """
    model.optimizer.build(model.trainable_variables)
    variables = _state_variables(model)
    with safe_open(path, "numpy") as file:
        tensors = [file.get_tensor(name) for name in sorted(file.keys())]
    if [tuple(v.shape) for v in variables] != [t.shape for t in tensors]:
        raise ValueError(
            "The checkpoint is of another model or optimizer; give another --output_dir. "
            f"Received: path='{path}' of {len(tensors)} tensors, for a model of {len(variables)}"
        )
    for variable, tensor in zip(variables, tensors, strict=True):
        variable.assign(tensor)


def _state_variables(model):
    """Returns weights, statistics and random states, and the optimizer's moments and counters."""
    return [*model.variables, *model.optimizer.variables]
