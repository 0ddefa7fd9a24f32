"""The program `python -m training.studies.detection.costs`."""

import pathlib

import click
import numpy as np

import keraslight
from keraslight.benchmark import time_files
from keraslight.commands.options import COUNT
from keraslight.commands.program import Command, note, run
from keraslight.conversion import noise
from keraslight.record import record, write_result
from training.files import to_csv
from training.recipes.composed_mobilenetv2_ssdlite import mobilenetv2

SIZE, CLASSES = 320, 80
MOBILENETV2 = "keras.applications.MobileNetV2"
# backbone: form of the detector
BACKBONES = {
    MOBILENETV2: "mobilenetv2",
    "vgnetg_1_0mp": "mobilenetv2",
    "vgnetg_2_0mp": "mobilenetv2",
    "igcv3_d_1_0": "igcv3",
    "mobilenetv4_conv_small": "mobilenetv2",
    "mobileone_s0": "mobilenetv2",
    "repghostnet_100": "mobilenetv2",
}
PAPER = "https://arxiv.org/abs/1905.02244, table 6"
# images of 320x320, COCO's classes; mAP of test-dev, latency of one core of a Pixel 1, float
PUBLISHED = tuple(
    {
        "detector": f"{backbone} + SSDLite",
        "parameters": millions * 1e6,
        "macs": billions * 1e9,
        "pixel1_ms": milliseconds,
        "mAP": precision,
        "source": PAPER,
    }
    for backbone, millions, billions, milliseconds, precision in (
        ("MobileNetV1", 5.1, 1.3, 228, 0.222),
        ("MobileNetV2", 4.3, 0.8, 162, 0.221),
        ("MobileNetV3-Large, fewer channels", 3.22, 0.51, 119, 0.220),
        ("MobileNetV2, half the width", 1.54, 0.27, 79, 0.166),
    )
)
COLUMNS = (
    *("detector", "form", "parameters", "fused_parameters", "macs", "anchors"),
    *("int8_bytes", "int8_ms", "pixel1_ms", "mAP", "source"),
)


def cost(name: str, form: str, folder: pathlib.Path) -> dict:
    """Returns what an untrained SSDLite on a backbone costs, and leaves its int8 file in a folder.

    The ranges of the file come from noise: good for timing only.
    """
    arguments = {"include_top": False, "input_shape": (SIZE, SIZE, 3)}
    if name == MOBILENETV2:
        backbone = mobilenetv2(**arguments, width=1.0)
    else:
        backbone = keraslight.create_model(name, **arguments)
    detector = noise.settle(keraslight.SSDLite(backbone, CLASSES, SIZE, form=form))
    fused = keraslight.fuse(detector, tolerance=1e-2)
    path = folder / f"{name}.tflite"
    if not path.is_file():
        quantized = keraslight.quantize_model(fused)
        noise.calibrate(quantized)
        keraslight.export_detector(quantized, path, "int8", anchors=detector.anchor_boxes)
    return {
        "detector": name,
        "form": form,
        "parameters": _parameters(detector.trainable_variables),
        "fused_parameters": _parameters(fused.weights),
        "macs": keraslight.count_macs(fused),
        "anchors": len(detector.anchor_boxes),
        "int8_bytes": path.stat().st_size,
    }


def _parameters(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


@click.command(
    "training.studies.detection.costs",
    cls=Command,
    examples=["python -m training.studies.detection.costs"],
)
@click.option("--output", default="results/detection_cost.csv", help="CSV file to write.")
@click.option(
    "--files_dir",
    default="runs/detectors",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder of the int8 files; those that are there are taken as they are.",
)
@click.option("--rounds", type=COUNT, default=10, show_default=True, help="Of the timing.")
def command(output, files_dir, rounds):
    """Measures what SSDLite costs on backbones of ours and MobileNetV2, beside published SSDLites.

    Images of 320x320 and the 80 classes of COCO, as in the papers. None is trained.
    The int8 files are timed in one run, on one thread; nothing else should run beside it.
    """
    folder = pathlib.Path(files_dir)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, form in BACKBONES.items():
        rows.append(cost(name, form, folder))
        note(f"{name}: {rows[-1]['fused_parameters']:,} parameters, {rows[-1]['macs']:,}")
    report = time_files([folder / f"{name}.tflite" for name in BACKBONES], rounds=rounds, show=note)
    for row, measurement in zip(rows, report.measurements, strict=True):
        row["int8_ms"] = round(measurement.latency_ms, 2)
    table = [{name: row.get(name) for name in COLUMNS} for row in (*PUBLISHED, *rows)]
    write_result(output, to_csv(table), record(data={"timed on": report.device}))


if __name__ == "__main__":
    run(command)
