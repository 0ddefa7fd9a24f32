"""The program `python -m training.qat`: quantization-aware training of a finished run."""

import dataclasses
import json
import pathlib

import click
import keras

import keraslight
from keraslight.commands.program import Command, note, run
from keraslight.quantization.quantized_model import QuantizedModel
from training import options, run_file
from training.callbacks import CHECKPOINTS
from training.checkpoint import PATTERN
from training.data.data import Data
from training.files import save_model
from training.loop import train
from training.recipe import Recipe, load_recipe, override
from training.session import load_data, local, session, write_results

START = "start.keras"
INT8 = "model_int8.tflite"
CALIBRATED = "calibrated_int8.tflite"
CALIBRATION_BATCH = 50


def recipe_of(folder: pathlib.Path, changes=(), finished: bool = True) -> Recipe:
    """Returns the recipe that a run was trained by.

    Args:
        folder: path of the run's folder.
        changes: list of `"field=value"`, in place of what the recipe says.
        finished: bool, whether the run must be finished.

    Raises:
        ValueError: if the run is not finished, or has not begun.
    """
    content = run_file.read(folder)
    if content is None or (finished and not (folder / run_file.MODEL).is_file()):
        raise ValueError(
            "Only a finished run can be continued: finish it by training.train first. "
            f"Received: run='{folder}' without {run_file.FILE} or without {run_file.MODEL}"
        )
    found, name = content["recipe"], content.get("recipe_name")
    # the file of a recipe may hold layers of the model
    base = load_recipe(name) if name else Recipe(model=found["model"])
    if run_file.plain(base.model) != found["model"]:
        base = dataclasses.replace(base, model=found["model"])
    names = {field.name for field in dataclasses.fields(base)} - {"model", "model_args"}
    values = {key: _as_tuples(value) for key, value in found.items() if key in names}
    return override(dataclasses.replace(base, **values), changes)


def fine_tuning_recipe(recipe: Recipe) -> Recipe:
    """Returns how a fused model is trained on: shortly, with small steps, at its final size."""
    return dataclasses.replace(recipe, **_fine_tuning(recipe))


def _fine_tuning(recipe):
    return {
        "epochs": recipe.qat_epochs,
        "train_sizes": ((recipe.qat_epochs, recipe.image_size),),
        "optimizer": "adamw",
        "schedule": "cosine",
        "learning_rate": recipe.qat_learning_rate,
        "final_learning_rate": 0.0,
        "warmup_epochs": 0,
        "ema": None,
    }


def _refuse_overwritten(recipe, changes):
    overwritten = _fine_tuning(recipe)
    for change in changes:
        if change.partition("=")[0] in overwritten:
            raise ValueError(
                "The training after quantization sets this field itself: set qat_epochs or "
                f"qat_learning_rate instead. Received: --set={change}"
            )


def quantize(model: keras.Model, data: Data) -> keras.Model:
    """Returns a fused model quantized, and calibrated with some training images."""
    quantized = keraslight.quantize_model(model)
    return keraslight.calibrate(quantized, calibration_batches(data))


def calibration_batches(data: Data) -> list:
    """Returns some training images, seen as evaluation sees them."""
    sample = data.train_source.sample(data.recipe.qat_images, data.order.seed)
    prepare = data.recipe.preprocessing(*[data.recipe.image_size] * 2)
    images = [prepare(sample.read(index)[0]) for index in range(len(sample))]
    starts = range(0, len(images), CALIBRATION_BATCH)
    return [keras.ops.stack(images[start : start + CALIBRATION_BATCH]) for start in starts]


def export_int8(model: keras.Model, path: pathlib.Path, data: Data) -> None:
    """Writes a quantized model as a .tflite file that knows its labels and its preprocessing.

    On a backend that cannot, it says so.
    """
    if keras.backend.backend() != "tensorflow":
        note(
            f"{path} is not written on the backend {keras.backend.backend()}: give the same "
            "command with KERAS_BACKEND=tensorflow, which goes on from here"
        )
        return
    size = data.recipe.image_size
    preprocessing = data.recipe.preprocessing(size, size)
    data.recipe.task.export(
        model,
        path,
        data.recipe,
        labels=data.class_names,
        normalization=(preprocessing.mean, preprocessing.std),
        preprocessing=preprocessing.policy(),
        description="int8, written by keraslight after quantization-aware training",
    )


@click.command(
    "training.qat",
    cls=Command,
    examples=["python -m training.qat --run=runs/vgnetg --data_dir=imagenette160"],
)
@click.option(
    "--run",
    "of_run",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    help="Folder of a finished run of training.train, whose recipe it takes.",
)
@click.option(
    "--control/--no-control",
    default=False,
    help="Train in floating point for as long, to compare with.",
)
@options.changes
@options.images
@options.run
def command(of_run, control, changes, data_dir, cache_gb, download, verbose, **how):
    """Continues a finished run by quantization-aware training, and writes an int8 .tflite file.

    The model is fused, quantized, calibrated and trained for the recipe's qat_epochs. The folder
    qat inside the run (qat_control with --control) gets what training.train writes and besides
    calibrated_int8.tflite, the file without training, and model_int8.tflite, the result. Both hold
    the labels and the preprocessing. The same command again resumes it.
    """
    finished = pathlib.Path(of_run)
    folder = finished / ("qat_control" if control else "qat")
    recipe = recipe_of(finished, changes)
    _refuse_overwritten(recipe, changes)
    recipe = fine_tuning_recipe(recipe)
    with session(folder, verbose, {"control": control}, **how) as (devices, carried_out):
        data = load_data(
            recipe, devices, carried_out, data_dir, cache_gb=cache_gb, download=download
        )
        if devices.writes:
            _prepare(finished, folder, local(data), quantized=not control)
        devices.barrier()
        model, progress = train(
            lambda shape: keras.models.load_model(folder / START),
            recipe,
            data,
            folder,
            carried_out,
        )
        if devices.writes:
            summary = _finish(folder, model, recipe, local(data), progress, carried_out.seed)
            click.echo(json.dumps(summary, indent=2))


def _prepare(finished, folder, data, quantized):
    """Makes the model that the training starts from, unless the training has begun with it."""
    begun = (folder / run_file.MODEL).exists() or any((folder / CHECKPOINTS).glob(PATTERN))
    if not begun or not (folder / START).exists():
        (folder / CALIBRATED).unlink(missing_ok=True)
        model = keraslight.fuse(keras.models.load_model(finished / run_file.MODEL))
        save_model(quantize(model, data) if quantized else model, folder / START)
    if quantized and not (folder / CALIBRATED).exists():
        export_int8(keras.models.load_model(folder / START), folder / CALIBRATED, data)


def _finish(folder, model, recipe, data, progress, seed):
    int8 = model if isinstance(model, QuantizedModel) else quantize(model, data)
    export_int8(int8, folder / INT8, data)
    start = keras.models.load_model(folder / START)
    return write_results(
        folder,
        model,
        recipe,
        data,
        progress,
        seed,
        **{
            f"{name}_{recipe.task.headline}": recipe.task.evaluate(one, data)[recipe.task.headline]
            for name, one in (("start", start), ("int8", int8))
        },
    )


def _as_tuples(value):
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    run(command)
