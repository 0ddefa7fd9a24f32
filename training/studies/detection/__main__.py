"""The program `python -m training.studies.detection`."""

import pathlib

import click

from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from training.data.data import load_data
from training.files import to_csv
from training.qat import INT8, recipe_of
from training.studies.detection.forms import model_of, rows_of

COLUMNS = (
    *("detector", "form", "mAP", "mAP50", "mAP75", "mAP_small", "mAP_medium", "mAP_large"),
    *("kept", "steps_from_exact_model", "file_bytes", "parameters", "macs", "image_size"),
    *("pictures", "objects", "epochs", "train_pictures"),
)


@click.command(
    "training.studies.detection",
    cls=Command,
    examples=[
        "python -m training.studies.detection runs/composed_vgnetg_ssdlite --data_dir=composed"
    ],
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False))
@click.option("--data_dir", required=True, help="Folder of the pictures and their COCO json.")
@click.option("--output", default="results/detection.csv", help="CSV file to write.")
@click.option(
    "--picture",
    "picture_file",
    default="results/detections.jpg",
    help="JPEG file to write: what the int8 file of the first run finds on drawn compositions.",
)
def command(runs, data_dir, output, picture_file):
    """Scores RUNS of detectors, folders of training.train, in every form.

    The forms are the trained model, the fused one, and the files: float32, int8, int8 with
    suppression inside, and that of training.qat if the run has one. `kept` is the mAP over that of
    the trained model; the int8 file is also compared with keraslight.exact_model, integer by
    integer. Of a run that is not finished the newest checkpoint is taken, and `epochs` says how far
    it had come.
    """
    rows, prints, pictures = [], {}, []
    for folder in map(pathlib.Path, runs):
        recipe = recipe_of(folder, finished=False)
        data = load_data(recipe, data_dir)
        prints[folder.name] = data.fingerprint()
        source = data.eval_source
        model, epochs = model_of(folder, data)
        seen = {
            "pictures": len(source),
            "objects": sum(len(source.annotated(index).objects) for index in range(len(source))),
            "epochs": epochs,
            "train_pictures": len(data.train_source),
        }
        found, picture = rows_of(folder.name, model, data, folder / "qat" / INT8)
        pictures.append(picture)
        for row in found:
            rows.append({name: _rounded({**row, **seen}.get(name)) for name in COLUMNS})
            click.echo(f"{folder.name} {row['form']}: mAP {row['mAP']:.2%}, {row['mAP50']:.2%}")
    made = record(data=prints, seeds=0)
    write_result(output, to_csv(rows), made)
    write_result(picture_file, pictures[0], made)


def _rounded(value):
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    run(command)
