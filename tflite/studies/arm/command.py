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
from keraslight.verification.runtimes import RESOLVERS, TITLES, CannotRun, outputs_of
from tflite.studies.arm import networks
from tflite.studies.arm.emulator import PROCESSORS, Emulator, Processor
from tflite.studies.arm.operations import OPERATIONS, operation

GROUPS = {"operations": tuple(OPERATIONS), "networks": networks.NETWORKS}
RUNTIMES = ("xnnpack", "reference", "builtin", "tflm")
# those that run in the emulator too
IN_EMULATOR = RUNTIMES[:3]
# the exact model of a runtime on Arm, where it is another one
ON_ARM = {"xnnpack": "xnnpack_arm"}
# the instructions of x86 that XNNPACK has kernels of int8 for, as /proc/cpuinfo calls them
X86 = {
    "SSSE3": "ssse3",
    "SSE4.1": "sse4_1",
    "AVX": "avx",
    "AVX2": "avx2",
    "AVX512": "avx512bw",
    "AVX512-VNNI": "avx512_vnni",
    "AVX-VNNI": "avx_vnni",
    "AMX": "amx_int8",
}
HERE = "this machine"
PROGRAM = pathlib.Path(__file__).with_name("on_arm.py")


@click.command(
    "arm",
    cls=Command,
    examples=[
        "python -m tflite.studies.arm --cache=runs/arm --names=operations --output=arm.csv",
    ],
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False),
    required=True,
    help="Folder of the emulated Python.",
)
@click.option(
    "--names",
    type=options.CommaList(),
    default="operations,networks",
    help="Names of operations and networks; `operations` and `networks` are all of each.",
)
@click.option(
    "--processors",
    type=options.CommaList(click.Choice(list(PROCESSORS))),
    default=",".join(PROCESSORS),
    help="Which processors to emulate.",
)
@click.option(
    "--output",
    type=options.NEW_FILE,
    help="The .csv file to write. What it says of other operations and networks is kept.",
)
def command(cache, names, processors, output):
    """Compares the int8 outputs of Arm processors with this machine's and with Keras's.

    LiteRT for arm64 runs in QEMU on several processors. Every operation runs by itself, and a
    network of every family.
    """
    if output:
        require_place(output)
    emulator = Emulator(cache)
    names = [one for name in names for one in GROUPS.get(name, (name,))]
    rows = rows_of(emulator, names, [PROCESSORS[name] for name in processors])
    if output:
        rows = [*_kept(output, names), *rows]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        said = subprocess.run([emulator.qemu, "--version"], capture_output=True, text=True).stdout
        facts = {"emulator": said.splitlines()[0], "seeds": 0}
        content = text.getvalue().encode()
        write_result(output, content, record(packages=("tflite-micro",), **facts))


def _kept(output, names):
    """Returns the rows of a file that are not of these names, if there is a file."""
    if not pathlib.Path(output).exists():
        return []
    with open(output, newline="") as file:
        return [row for row in csv.DictReader(file) if row["network"] not in names]


def rows_of(emulator: Emulator, names, processors) -> list[dict]:
    """Returns how many values are equal, for each network, runtime and processor."""
    with tempfile.TemporaryDirectory() as folder:
        exact = {}
        for name in names:
            note(f"writing {name}")
            keras.utils.set_random_seed(0)
            keras.backend.clear_session()
            make = operation if name in OPERATIONS else networks.network
            exact[name] = networks.write(name, make(name), folder)
        rows = []
        for runtime in RUNTIMES:
            here = _here(folder, runtime, exact)
            rows += _rows(runtime, this_machine(), here, here, exact)
            for processor in processors if runtime in IN_EMULATOR else ():
                note(f"emulating {processor.name} with {TITLES[runtime]}")
                result = pathlib.Path(folder) / "result.npz"
                emulator.run(processor, PROGRAM, folder, str(result), RESOLVERS[runtime])
                rows += _rows(runtime, processor, dict(np.load(result)), here, exact)
    return rows


def this_machine() -> Processor:
    """Returns the processor that this program runs on."""
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    return Processor(HERE, "", ", ".join(n for n, f in X86.items() if f" {f} " in flags))


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
    """Returns a row for each network; one that the runtime cannot run has no values."""
    rows = []
    model = runtime if processor.name == HERE else ON_ARM.get(runtime, runtime)
    for name, of_runtime in exact.items():
        values, on_x86, in_keras = found.get(name), here.get(name), of_runtime.get(model)
        row = {
            "network": name,
            "runtime": runtime,
            "processor": processor.name,
            "instructions": processor.instructions,
            "values": 0 if values is None else values.size,
            "equal_to_x86": _equal(values, on_x86),
            "equal_to_keras": _equal(values, in_keras),
        }
        rows.append(row)
        if {row["equal_to_x86"], row["equal_to_keras"]} - {row["values"], ""}:
            note(", ".join(f"{key} {value}" for key, value in row.items()))
    return rows


def _equal(one, other):
    """Returns how many values are equal, nothing if one of the two was not computed.

    Of a network, Keras computes the classes only, which come last.
    """
    if one is None or other is None:
        return ""
    return int((one[:, -other.shape[1] :] == other).sum())
