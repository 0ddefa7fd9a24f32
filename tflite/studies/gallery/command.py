"""Takes the networks of others through the road, one after the other."""

import csv
import gc
import io
import pathlib
import tempfile

import click
import keras

from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.record import record, write_result
from tflite.studies.gallery.libraries import LIBRARIES, NotInstalled
from tflite.studies.gallery.measure import draw, measure
from tflite.studies.gallery.networks import networks

COLUMNS = (
    *("network", "fuse_error", "float_layers", "db", "exact", "one_step", "outside_xnnpack"),
    *("quantize_seconds", "export_seconds", "failure"),
)
PACKAGES = [name.replace("_", "-") for name in LIBRARIES]


@click.command(
    "gallery",
    cls=Command,
    examples=["python -m tflite.studies.gallery --networks=MobileNet,kimm:MobileOneS0"],
)
@click.option(
    "--networks",
    "chosen",
    type=options.CommaList(),
    help="Names of networks. By default all.",
)
@click.option("--again", is_flag=True, help="Measure networks that have a row already, too.")
@click.option(
    "--output",
    type=options.NEW_FILE,
    default="results/gallery.csv",
    help="The table. Networks that have a row in it are not measured again, unless it failed.",
)
def command(chosen, again, output):
    """Fuses, quantizes, exports and runs networks that others wrote."""
    known, output = networks(), pathlib.Path(output)
    unknown = sorted(set(chosen or ()) - set(known))
    if unknown:
        raise ValueError(f"There is no network of that name in the gallery. Received: {unknown}")
    rows = _read(output)
    for name in chosen or known:
        if not again and name in rows and not rows[name]["failure"]:
            continue
        row = _row(name, known[name])
        if row is None:
            continue
        rows = {**_read(output), name: row}
        note(", ".join(f"{key} {value}" for key, value in row.items() if value != ""))
        _write(output, [rows[name] for name in known if name in rows])


def _row(name, build):
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    gc.collect()
    empty = dict.fromkeys(COLUMNS, "")
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(draw(build()), pathlib.Path(folder) / "model.tflite")
    except NotInstalled as error:
        note(f"{name} is left out: {error}")
        return None
    except Exception as error:  # the table says what fails, whatever it is
        found = {"failure": " ".join(str(error).split())[:200]}
    return {**empty, "network": name, **found}


def _read(path):
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        return {row["network"]: row for row in csv.DictReader(file)}


def _write(path, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_result(path, text.getvalue().encode(), record(seeds=0, packages=PACKAGES))
