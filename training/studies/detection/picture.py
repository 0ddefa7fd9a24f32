"""The program `python -m training.studies.detection.picture`."""

import pathlib
import tempfile

import click
import keras

import keraslight
from keraslight.boxes import read_coco
from keraslight.commands.detectors import detection_sheet
from keraslight.commands.program import Command, run
from keraslight.pictures import make_sample
from keraslight.record import record, write_result
from keraslight.tflite import TFLiteDetector
from training.data.data import load_source, make_data
from training.detection.compose import compose_set
from training.qat import calibration_batches, recipe_of
from training.run_file import MODEL

PICTURES = 24
SEED = 7  # other compositions than those of the training and the table


@click.command(
    "training.studies.detection.picture",
    cls=Command,
    examples=[
        "python -m training.studies.detection.picture runs/composed_vgnetg_ssdlite "
        "--data_dir=composed"
    ],
)
@click.argument("of_run", metavar="RUN", type=click.Path(exists=True, file_okay=False))
@click.option("--data_dir", required=True, help="Folder of the pictures, which calibrate.")
@click.option("--output", default="results/detections.png", help="PNG file to write.")
def command(of_run, data_dir, output):
    """Draws what the int8 file of a finished RUN finds on new compositions.

    Their photos are drawn shapes of keraslight sample, so the picture can be given away.
    """
    folder = pathlib.Path(of_run)
    recipe = recipe_of(folder)
    sources = [load_source(recipe, kind, data_dir, verbose=0) for kind in ("train", "eval")]
    data = make_data(*sources, recipe, seed=0)
    fused = keraslight.fuse(keras.models.load_model(folder / MODEL))
    quantized = keraslight.calibrate(keraslight.quantize_model(fused), calibration_batches(data))
    with tempfile.TemporaryDirectory() as temporary:
        files = pathlib.Path(temporary)
        recipe.task.export(
            quantized,
            files / "int8.tflite",
            recipe,
            labels=data.class_names,
            normalization=(recipe.mean, recipe.std),
        )
        make_sample(files / "shapes")
        counts = {"train": 1, "val": PICTURES}
        compose_set(files / "shapes", files / "composed", counts, recipe.image_size, SEED)
        annotations = files / "composed" / "annotations" / "instances_val.json"
        coco = read_coco(annotations, files / "composed" / "val")
        detector = TFLiteDetector(files / "int8.tflite")
        found = [detector.detect(picture.source) for picture in coco.pictures]
        sheet = detection_sheet(coco.pictures, found, coco.class_names)
        sheet.save(files / "sheet.png")
        made = record(data=data.fingerprint(), seeds=SEED)
        write_result(output, (files / "sheet.png").read_bytes(), made)
    click.echo(f"Written to {output}")


if __name__ == "__main__":
    run(command)
