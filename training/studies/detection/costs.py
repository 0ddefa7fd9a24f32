"""The program `python -m training.studies.detection.costs`."""

import click
import numpy as np

import keraslight
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from training.files import to_csv

SIZE, CLASSES = 320, 80
# backbone: form of the detector
BACKBONES = {
    "vgnetg_1_0mp": "mobilenetv2",
    "vgnetg_2_0mp": "mobilenetv2",
    "igcv3_d_1_0": "igcv3",
    "mobilenetv4_conv_small": "mobilenetv2",
    "mobileone_s0": "mobilenetv2",
    "repghostnet_100": "mobilenetv2",
}
V2 = "https://arxiv.org/abs/1801.04381, table 6"
V3 = "https://arxiv.org/abs/1905.02244, table 6"
# of the same size and number of classes; the mAP is of COCO's test-dev
PUBLISHED = (
    {
        "detector": "MobileNetV2 + SSDLite",
        "parameters": 4.3e6,
        "macs": 0.8e9,
        "mAP": 0.221,
        "source": V2,
    },
    {
        "detector": "MobileNetV1 + SSDLite",
        "parameters": 5.1e6,
        "macs": 1.3e9,
        "mAP": 0.222,
        "source": V2,
    },
    {
        "detector": "MobileNetV3-Large + SSDLite",
        "parameters": 3.22e6,
        "macs": 0.51e9,
        "mAP": 0.22,
        "source": V3,
    },
)
COLUMNS = ("detector", "form", "parameters", "fused_parameters", "macs", "anchors", "mAP", "source")


def cost(name: str, form: str) -> dict:
    """Returns what an untrained SSDLite on a backbone costs at inference."""
    backbone = keraslight.create_model(name, include_top=False, input_shape=(SIZE, SIZE, 3))
    detector = keraslight.SSDLite(backbone, CLASSES, SIZE, form=form)
    fused = keraslight.fuse(detector, tolerance=1e-2)
    return {
        "detector": name,
        "form": form,
        "parameters": _parameters(detector.trainable_variables),
        "fused_parameters": _parameters(fused.weights),
        "macs": keraslight.count_macs(fused),
        "anchors": len(detector.anchor_boxes),
    }


def _parameters(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


@click.command(
    "training.studies.detection.costs",
    cls=Command,
    examples=["python -m training.studies.detection.costs"],
)
@click.option("--output", default="results/detection_cost.csv", help="CSV file to write.")
def command(output):
    """Counts what SSDLite costs on backbones of ours, beside published SSDLites.

    Images of 320x320 and the 80 classes of COCO, as in the papers. Ours were not trained on COCO.
    """
    rows = [*PUBLISHED, *(cost(*pair) for pair in BACKBONES.items())]
    for row in rows[len(PUBLISHED) :]:
        click.echo(f"{row['detector']}: {row['fused_parameters']:,} parameters, {row['macs']:,}")
    write_result(
        output, to_csv([{name: row.get(name) for name in COLUMNS} for row in rows]), record()
    )


if __name__ == "__main__":
    run(command)
