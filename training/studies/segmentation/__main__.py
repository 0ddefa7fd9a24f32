"""The program `python -m training.studies.segmentation`."""

import pathlib
import tempfile

import click
import keras
import numpy as np

import keraslight
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from keraslight.tflite import TFLiteRunner
from training.data.data import Data, load_data
from training.files import to_csv
from training.qat import quantize, recipe_of
from training.run_file import MODEL
from training.segmentation.task import mean_iou, resized

COMPARED_PICTURES = 8  # with the exact model


@click.command(
    "training.studies.segmentation",
    cls=Command,
    examples=[
        "python -m training.studies.segmentation runs/composed_vgnetg_lraspp --data_dir=composed"
    ],
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False))
@click.option("--data_dir", required=True, help="Folder of the pictures and their masks.")
@click.option("--output", default="results/segmentation.csv", help="CSV file to write.")
def command(runs, data_dir, output):
    """Scores RUNS of segmenters, folders of training.train, in every form.

    The forms are the trained model, the fused one and the int8 file, calibrated. `equal` is the
    share of the file's outputs that are those of keraslight.exact_model.
    """
    rows, prints = [], {}
    for folder in map(pathlib.Path, runs):
        recipe = recipe_of(folder)
        data = load_data(recipe, data_dir)
        prints[folder.name] = data.fingerprint()
        model = keras.models.load_model(folder / MODEL)
        for row in rows_of(model, data):
            rows.append({"segmenter": folder.name, **row, "epochs": recipe.epochs})
            click.echo(f"{folder.name} {row['form']}: {row['mIoU']:.2%}")
    write_result(output, to_csv(rows), record(data=prints, seeds=0))


def rows_of(model: keras.Model, data: Data) -> list[dict]:
    """Returns a row for each form of a segmenter."""
    task, source = data.recipe.task, data.eval_source
    fused = keraslight.fuse(model)
    quantized = quantize(fused, data)
    cost = {"parameters": fused.count_params(), "macs": keraslight.count_macs(fused)}
    common = {**cost, "image_size": data.recipe.image_size, "pictures": len(source)}
    scores = {
        form: task.evaluate(one, data) for form, one in (("trained", model), ("fused", fused))
    }
    with tempfile.TemporaryDirectory() as files:
        path = pathlib.Path(files) / "int8.tflite"
        task.export(quantized, path, data.recipe)
        scores["int8 file"] = {
            **file_scores(path, quantized, data),
            "file_bytes": path.stat().st_size,
        }
    return [
        {
            "form": form,
            "mIoU": round(found["mIoU"], 4),
            "kept": round(found["mIoU"] / scores["trained"]["mIoU"], 4),
            "equal": found.get("equal"),
            "file_bytes": found.get("file_bytes"),
            **common,
        }
        for form, found in scores.items()
    ]


def file_scores(path: pathlib.Path, quantized: keras.Model, data: Data) -> dict:
    """Returns the scores of a file, and how much of its outputs the exact model computes too."""
    source, size = data.eval_source, data.recipe.image_size
    prepare = data.recipe.preprocessing(size, size)
    runner, exact = TFLiteRunner(path), keraslight.exact_model(quantized)
    score, equal = mean_iou(len(source.class_names)), []
    for index in range(len(source)):
        picture, mask = source.read(index)
        image = prepare(picture)[None]
        found = runner.predict(image)
        score.update_state(resized(mask, size)[None], found)
        if index < COMPARED_PICTURES:
            equal.append(np.mean(found == exact.predict(image, verbose=0)))
    return {"mIoU": float(score.result()), "equal": float(np.mean(equal))}


if __name__ == "__main__":
    run(command)
