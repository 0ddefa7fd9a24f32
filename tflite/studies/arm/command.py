"""Compares Arm processors, by emulation, with this machine and with Keras."""

import csv
import io
import pathlib
import subprocess
import tempfile

import click
import keras
import numpy as np

from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.files import require_place
from keraslight.record import record, write_result
from keraslight.verification.runtimes import CannotRun, outputs_of
from tflite.studies.arm import networks
from tflite.studies.arm.emulator import PROCESSORS, Emulator, Processor

# how LiteRT calls the runtimes that run in the emulator too
RESOLVERS = {"xnnpack": "AUTO", "reference": "BUILTIN_REF", "tflm": None}
HERE = Processor("this machine", "", "those of x86")
PROGRAM = pathlib.Path(__file__).with_name("on_arm.py")


@click.command(
    "arm",
    cls=Command,
    examples=["python -m tflite.studies.arm --cache=runs/arm --output=results/arm.csv"],
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False),
    required=True,
    help="Folder of the emulated Python.",
)
@click.option(
    "--names", type=options.CommaList(), help="Operations and networks. By default all of them."
)
@click.option("--output", type=options.NEW_FILE, help="The .csv file to write.")
def command(cache, names, output):
    """Compares the int8 outputs of Arm processors with this machine's and with Keras's.

    LiteRT for arm64 runs in QEMU on several processors. Every operation runs by itself, and a
    network of every family.
    """
    if output:
        require_place(output)
    emulator = Emulator(cache)
    rows = rows_of(emulator, names or (*networks.OPERATIONS, *networks.FAMILIES))
    for row in rows:
        note(", ".join(f"{key} {value}" for key, value in row.items()))
    if output:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        said = subprocess.run([emulator.qemu, "--version"], capture_output=True, text=True).stdout
        facts = {"emulator": said.splitlines()[0], "seeds": 0}
        write_result(output, text.getvalue().encode(), record(**facts))


def rows_of(emulator: Emulator, names) -> list[dict]:
    """Returns how many values are equal, for each network, runtime and processor."""
    with tempfile.TemporaryDirectory() as folder:
        exact = {}
        for name in names:
            note(f"writing {name}")
            keras.utils.set_random_seed(0)
            keras.backend.clear_session()
            make = networks.operation if name in networks.OPERATIONS else networks.network
            exact[name] = networks.write(name, make(name), folder)
        rows = []
        for runtime, resolver in RESOLVERS.items():
            here = _here(folder, runtime, exact)
            rows += _rows(runtime, HERE, here, here, exact)
            for processor in PROCESSORS if resolver else ():
                note(f"emulating {processor.name}")
                result = pathlib.Path(folder) / "result.npz"
                emulator.run(processor, PROGRAM, folder, str(result), resolver)
                rows += _rows(runtime, processor, dict(np.load(result)), here, exact)
    return rows


def _here(folder, runtime, exact):
    """Returns what a runtime computes on this machine."""
    found = {}
    for name in exact:
        path = pathlib.Path(folder) / f"{name}.tflite"
        try:
            outputs = outputs_of(runtime, path.read_bytes(), np.load(path.with_suffix(".npy")))
        except CannotRun:
            continue
        found[name] = np.stack([np.concatenate([y.ravel() for y in one]) for one in outputs])
    return found


def _rows(runtime, processor, found, here, exact):
    return [
        {
            "network": name,
            "runtime": runtime,
            "processor": processor.name,
            "instructions": processor.instructions,
            "values": values.size,
            "equal_to_x86": int((values == here[name]).sum()),
            "equal_to_keras": int((values == exact[name][runtime]).sum()),
        }
        for name, values in found.items()
        if runtime in exact[name]
    ]
