"""Checkpoints that a run can be resumed from as if it had never stopped.

The state of a run is Keras's state tree: every variable by its path, weights, statistics and random
states, and the optimizer's moments and counters. Keras's own callbacks do not do: BackupAndRestore
starts an interrupted epoch anew and writes in place, where a kill leaves half of a file;
OrbaxCheckpoint knows nothing of the step within an epoch, keeps no checksum, and needs a package of
100 MB for what is one small file here.

A checkpoint is one .safetensors file that appears complete or not at all, with a SHA-256 of all it
holds. The newest two are kept: if the newest is damaged, the run goes on from the one before.
"""

import hashlib
import json
import logging
import pathlib
from typing import NamedTuple

import keras
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from keraslight.failures import Failure
from keraslight.files import write_whole

KEPT = 2
PATTERN = "checkpoint_*.safetensors"
# what was written before checkpoints had names of variables
OLD = "checkpoint.safetensors"
# the optimizer's sum of the gradients of an update that is not complete
ACCUMULATOR = "gradient_accumulator"
COUNTER = "iteration"
# the optimizer around the recipe's that keeps gradients of half precision from vanishing
SCALER = "loss_scale_optimizer/"

_log = logging.getLogger(__name__)


class NotFinite(Failure):
    """The training met a loss or a weight that is not a finite number."""


class State(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        path: path of the file.
        progress: dict, how far the run had come.
        tensors: dict of arrays by the names of the variables.
    """

    path: pathlib.Path
    progress: dict
    tensors: dict


def state_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns all variables of a training run by name.

    Args:
        model: a compiled model.

    Raises:
        NotFinite: if one of them is not finite.
    """
    # on JAX the state of a running fit() lies outside the variables
    getattr(model, "jax_state_sync", lambda: None)()
    tensors = _variables(model)
    for name, value in tensors.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise NotFinite(f"The variable '{name}' is not finite")
    return tensors


def write_state(folder: pathlib.Path, tensors: dict[str, np.ndarray], progress: dict) -> None:
    """Writes a checkpoint, and removes all but the newest two.

    Args:
        folder: folder of the checkpoints.
        tensors: what `state_of` returned.
        progress: dict for JSON of what else the run must know; `"step"` names the file.
    """
    text = json.dumps(progress)
    metadata = {"progress": text, "sha256": _digest(tensors, text)}
    folder.mkdir(exist_ok=True)
    path = folder / f"checkpoint_{progress['step']:08d}.safetensors"
    write_whole(path, save(tensors, metadata))
    # later ones are of a future that the run has turned away from
    older = [other for other in _newest_first(folder) if other <= path]
    for other in set(_newest_first(folder)) - set(older[:KEPT]):
        other.unlink(missing_ok=True)


def read_state(folder: pathlib.Path) -> State | None:
    """Returns the newest checkpoint that is whole, `None` if none was written yet.

    Raises:
        ValueError: if there are checkpoints, and all are damaged or of an earlier version.
    """
    damaged = []
    for path in _newest_first(folder):
        try:
            state = _read(path)
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            damaged.append(path.name)
            _log.warning("The checkpoint %s is damaged (%s).", path, error)
            continue
        if damaged:
            _log.warning("Going on from the one before it, of step %d.", state.progress["step"])
        return state
    if damaged:
        raise ValueError(
            "No checkpoint of the run can be read. Begin again with another --output_dir. "
            f"Received: output_dir='{folder.parent}', whose {damaged} are damaged"
        )
    for old in (folder / OLD, folder.parent / OLD):
        if old.exists():
            raise ValueError(
                "The checkpoint was written by an earlier version, which did not name what it "
                "holds. Finish the run with that version, or begin again with another "
                f"--output_dir. Received: '{old}'"
            )
    return None


def drop_newest(folder: pathlib.Path) -> bool:
    """Removes the newest checkpoint if another one stands; returns whether it did."""
    paths = _newest_first(folder)
    if len(paths) > 1:
        paths[0].unlink()
    return len(paths) > 1


def restore(model: keras.Model, state: State, accumulate: int) -> None:
    """Sets all variables of a training run.

    Args:
        model: a compiled model, made like the one that the state is of.
        state: a `State`.
        accumulate: int, how many steps share an update now. The state may be of another number.

    Raises:
        ValueError: if the state is of another model or optimizer.
    """
    expected, before = _variables(model), state.progress["accumulate"]
    # what exists only in half precision begins anew when that is given up, or taken up
    parted = [SCALER] if _has(SCALER, expected) != _has(SCALER, state.tensors) else []
    if accumulate != before:
        # checkpoints lie between two updates, where nothing is accumulated
        parted.append(ACCUMULATOR)
    tensors, expected = (
        {name: value for name, value in values.items() if not any(part in name for part in parted)}
        for values in (state.tensors, expected)
    )
    for name, value in tensors.items():
        if name.rpartition("/")[2] == COUNTER:
            tensors[name] = value // before * accumulate
    wrong = sorted(expected.keys() ^ tensors.keys()) or sorted(
        name for name, value in expected.items() if value.shape != tensors[name].shape
    )
    if wrong:
        raise ValueError(
            "The checkpoint is of another model or optimizer; give another --output_dir. "
            f"Received: '{state.path}', which differs in {len(wrong)} variables: {wrong[:3]}"
        )
    model.set_state_tree(_nested(tensors))


def _variables(model):
    """Returns the state tree of a model, flat; its optimizer must have been built."""
    tree = model.get_state_tree(value_format="numpy_array")
    del tree["metrics_variables"]  # they begin at 0 whenever fit() begins
    return {name: np.array(value, order="C") for name, value in _flat(tree)}


def _has(part, names):
    return any(part in name for name in names)


def _newest_first(folder):
    return sorted(folder.glob(PATTERN), reverse=True)


def _read(path):
    with safe_open(path, "numpy") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata["sha256"] != _digest(tensors, metadata["progress"]):
        raise ValueError("its checksum is wrong")
    return State(path, json.loads(metadata["progress"]), tensors)


def _digest(tensors, text):
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _flat(tree, prefix=""):
    """Yields the leaves of nested dicts, each with all the keys that lead to it."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


def _nested(tensors):
    """Returns a state tree, whose paths Keras joins again: one level is enough."""
    tree = {}
    for name, value in tensors.items():
        kind, _, path = name.partition("/")
        tree.setdefault(kind, {})[path] = value
    return tree
