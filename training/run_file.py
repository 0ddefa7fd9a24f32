"""run.json: what a run computes, so that its folder goes on with nothing else.

It is written when the first step has run, so a start that fails leaves nothing behind. What a later
start finds there is compared value by value. Where to read, what to log and how often to save are
not in it and may change. Of the rest,

- `MAY_CHANGE` may, and every change is written down;
- `MAY_BE_CHANGED` may where the user says so (--change), for runs that became not finite;
- all else may not: the recipe, the seed, the pictures and their classes, the network, the input.
"""

import functools
import hashlib
import json
import pathlib

import keras
import numpy as np

from keraslight.files import write_json
from keraslight.record import record

FILE = "run.json"
MODEL = "model.keras"  # of a run that is finished
MAY_CHANGE = {"settings.accumulate", "settings.backend", "settings.devices"}
MAY_BE_CHANGED = {
    "recipe.learning_rate",
    "recipe.final_learning_rate",
    "recipe.qat_learning_rate",
    "recipe.clip_norm",
    "settings.mixed_precision",
    "settings.synchronize_norms",
}
COMPARED = ("recipe", "seed", "data", "network", "input", "settings")
LONGEST = 80  # characters of a value in a message


class RunFile:
    """The run.json of a folder, and what this start computes.

    Args:
        folder: path of the run's folder.
        facts: dict with the keys `COMPARED`, of values that `plain` returned.
        step: int, at which step the run goes on; `None` if nothing was computed yet.
        change: bool, whether `MAY_BE_CHANGED` may change.
        notes: optional dict for JSON, written besides what is compared.
        defaults: optional dict from settings of the recipe to their defaults, for runs that an
            earlier version began without those settings.

    Raises:
        ValueError: if the folder holds another run.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        facts: dict,
        step: int | None,
        change: bool = False,
        notes: dict | None = None,
        defaults: dict | None = None,
    ):
        self.path = folder / FILE
        self.content = {**(notes or {}), **facts, "changes": [], "record": None}
        self.changes = []
        before = read(folder)
        if step is None:
            # a run that was ended before its first checkpoint lost nothing: another may take over
            if before is None or not (folder / MODEL).exists():
                return
            step = 0
        if before is None:
            raise ValueError(
                f"The folder holds a checkpoint but no {FILE}, which describes the run; give "
                f"another --output_dir. Received: output_dir='{folder}'"
            )
        known = {**(defaults or {}), **before.get("recipe", {})}
        differences = compared({**before, "recipe": known}, facts)
        allowed = MAY_CHANGE | (MAY_BE_CHANGED if change else set())
        refused = [difference for difference in differences if difference[0] not in allowed]
        if refused:
            raise ValueError(_message(folder, refused))
        self.changes = [
            {"step": step, "name": name, "before": old, "now": new}
            for name, old, new in differences
        ]
        self.content["changes"] = [*before.get("changes", []), *self.changes]
        self.content["record"] = before.get("record")

    def write(self) -> None:
        """Writes the file, if there is anything new in it."""
        if self.content["record"] is None:
            self.content["record"] = record()
        elif not self.changes:
            return
        write_json(self.path, self.content)


def read(folder: pathlib.Path) -> dict | None:
    """Returns the content of a folder's run.json, `None` if there is none.

    Raises:
        ValueError: if it cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        raise ValueError(f"The file cannot be read as JSON. Received: '{path}'") from error


def compared(before: dict, now: dict) -> list[tuple]:
    """Returns the name, the old and the new value of everything that differs."""
    before, now = ({key: facts.get(key) for key in COMPARED} for facts in (before, now))
    before, now = dict(_leaves(before)), dict(_leaves(now))
    names = list(dict.fromkeys([*before, *now]))
    return [
        (name, before.get(name), now.get(name))
        for name in names
        if before.get(name) != now.get(name) or (name in before) != (name in now)
    ]


def plain(value):
    """Returns a value as JSON can hold it, the same in every process.

    Functions and classes are given by their qualified names, other objects by their class and
    configuration.
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, functools.partial):
        return {"partial": [plain(value.func), plain(value.args), plain(value.keywords)]}
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}:{value.__qualname__}"
    config = value.get_config() if hasattr(value, "get_config") else {}
    return {"class": plain(type(value)), "config": plain(config)}


def network_facts(model: keras.Model) -> dict:
    """Returns what tells a network from others: hashes of its layers and of its variables.

    They are the same in every precision and on every backend.
    """
    config = _without_dtypes(plain(keras.saving.serialize_keras_object(model)))
    config = json.dumps(config, sort_keys=True)
    variables = json.dumps([[v.path, list(v.shape)] for v in model.variables])
    return {
        "layers": hashlib.sha256(config.encode()).hexdigest(),
        "variables": hashlib.sha256(variables.encode()).hexdigest(),
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
    }


def _without_dtypes(config):
    if isinstance(config, dict):
        return {key: _without_dtypes(item) for key, item in config.items() if key != "dtype"}
    return [_without_dtypes(item) for item in config] if isinstance(config, list) else config


def _leaves(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _message(folder, differences):
    lines = [f"  {name}: {_short(old)} before, {_short(new)} now" for name, old, new in differences]
    hint = ""
    if all(name in MAY_BE_CHANGED for name, *_ in differences):
        hint = ", or pass --change to go on with the new values"
    return (
        "The folder holds another run: give the values it began with, or another --output_dir"
        f"{hint}. Received: output_dir='{folder}', where these differ:\n" + "\n".join(lines)
    )


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
