"""A run from beginning to end: its devices, its folder, and what it leaves there."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

import keras

from keraslight.files import write_json, write_whole
from training.data.data import Data, load_source, make_data
from training.distribution import Devices, connect, require_shared_folder
from training.files import save_model
from training.lock import locked
from training.loop import Options
from training.recipe import Recipe
from training.run_file import MODEL
from training.summary import summarize

LABELS = "labels.txt"  # which keraslight convert puts into the file
SUMMARY = "summary.json"


@contextlib.contextmanager
def session(
    folder: pathlib.Path,
    verbose: int,
    notes: dict,
    *,
    strategy: str,
    tpu: str,
    virtual_devices: int,
    connect_timeout: float,
    mixed_precision: str | None,
    jit: str,
    **how,
) -> Iterator[tuple[Devices, Options]]:
    """Gets the devices ready and locks the folder of a run, while the block runs.

    Args:
        folder: path of the run's folder.
        verbose: as in `keras.Model.fit`.
        notes: dict for JSON, written into run.json besides what is compared.
        strategy, tpu, virtual_devices, connect_timeout: see `training.distribution.connect`.
        mixed_precision: optional `"float16"` or `"bfloat16"`.
        jit: `"auto"`, `"true"` or `"false"`.
        **how: further arguments of `training.loop.Options`.
    """
    devices = connect(strategy, tpu, virtual_devices, connect_timeout)
    policy = keras.config.dtype_policy()
    if mixed_precision:
        keras.config.set_dtype_policy(f"mixed_{mixed_precision}")
    jit = {"auto": "auto", "true": True, "false": False}[jit]
    options = Options(verbose=verbose, jit=jit, notes=notes, **how)
    try:
        with locked(folder) if devices.writes else contextlib.nullcontext(), devices.errors():
            require_shared_folder(devices, folder)
            yield devices, options
    finally:
        keras.config.set_dtype_policy(policy)


def load_data(
    recipe: Recipe, devices: Devices, options: Options, data_dir: str | None, **sources
) -> Data:
    """Returns the images of a run.

    Args:
        recipe: a `Recipe`.
        devices: the `Devices` that share every batch.
        options: the `Options` of the run.
        data_dir: where the images are.
        **sources: further arguments of `training.data.data.load_source`.
    """
    verbose = int(options.verbose == 1)
    loaded = [
        load_source(recipe, kind, data_dir, verbose=verbose, **sources)
        for kind in ("train", "eval")
    ]
    return make_data(*loaded, recipe, options.seed, options.accumulate, devices)


def local(data: Data) -> Data:
    """Returns the images of a run for this process alone."""
    return dataclasses.replace(data, devices=Devices())


def write_results(
    folder: pathlib.Path,
    model: keras.Model,
    recipe: Recipe,
    data: Data,
    progress: dict,
    seed: int,
    **more,
) -> dict:
    """Writes the model, its labels and the summary of a run, and returns the summary.

    Args:
        folder: path of the run's folder.
        model, progress: what `training.loop.train` returned.
        recipe: its `Recipe`.
        data: its images, for this process alone.
        seed: int.
        **more: further values of the summary.
    """
    save_model(model, folder / MODEL)
    write_whole(folder / LABELS, "".join(f"{name}\n" for name in data.class_names).encode())
    summary = {**summarize(model, recipe, data, progress, seed), **more}
    write_json(folder / SUMMARY, summary)
    return summary
