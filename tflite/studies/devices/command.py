"""Plants differences in devices and lets `keraslight verify` find them."""

import csv
import io
import pathlib
import tempfile

import click
import numpy as np

from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.files import require_place
from keraslight.record import record, write_result
from keraslight.tflite.model_file import ModelFile
from keraslight.verification import OnThisMachine, verify_device
from keraslight.verification.inputs import drawn
from tflite.studies.devices.network import small_file
from tflite.studies.devices.planted import PLANTED, run

PICTURES = 8


class PlantedDevice(OnThisMachine):
    """A device that is this machine but for one difference.

    Args:
        planted: str, a key of `PLANTED`.
    """

    def __init__(self, planted: str):
        super().__init__()
        self.planted = self.name = planted

    def outputs(self, content, inputs, sizes):
        found = (run(self.planted, content, codes) for codes in inputs)
        return [b"".join(np.ascontiguousarray(y).tobytes() for y in outputs) for outputs in found]


@click.command(
    "devices",
    cls=Command,
    examples=["python -m tflite.studies.devices --output=results/devices.csv"],
)
@click.option("--output", type=options.NEW_FILE, required=True, help="The .csv file to write.")
def command(output):
    """Plants differences in devices and lets `keraslight verify` find them."""
    require_place(output)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "small.tflite"
        small_file(path)
        rows = rows_of(ModelFile(path))
    for row in rows:
        note(f"{row['planted']}: {row['said']}")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_result(output, text.getvalue().encode(), record(data=f"{PICTURES} drawn pictures"))


def rows_of(model: ModelFile) -> list[dict]:
    """Returns what is said of each device that has a difference, and of one that has none."""
    devices = [OnThisMachine(), *(PlantedDevice(name) for name in PLANTED)]
    rows = []
    for device in devices:
        found = verify_device(device, model, drawn(model.input_shape, "int8", PICTURES))
        planted = PLANTED.get(device.name)
        expected = planted.found if planted else "it is LiteRT with XNNPACK, in every bit"
        rows.append(
            {
                "planted": device.name if planted else "nothing",
                "found": expected in str(found),
                "said": "; ".join(found.faults) or found.verdict,
            }
        )
    return rows
