r"""Feeds damaged files to the readers of checkpoints and looks for crashes, hangs and greed.

    KERAS_BACKEND=numpy python -m tests.weights.fuzz_readers --files=10000 \
        --output=results/fuzz_readers.json

Makes so many files of every format, each a valid one with some bytes changed, inside its archive
too, and reads them in processes that may take no more than 256 MiB above what they start with, and
no more than ten seconds for a file. A file may be read or be refused with a `ValueError`; anything
else is a failure, and the seed and the number of the file make it again. Takes six minutes.
"""

import io
import json
import math
import pathlib
import platform
import resource
import signal
import struct
import sys
import tempfile
import warnings
import zipfile

import h5py
import keras
import numpy as np
import safetensors
from absl import app, flags, logging

from keraslight.weights.load import load_keras_file
from keraslight.weights.readers import KERAS_SUFFIX, read_tensors
from tests.processes import run_all
from tests.weights import write_files

FLAGS = flags.FLAGS
_FILES = flags.DEFINE_integer("files", 10000, "Files of every format.", lower_bound=1)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the result.", required=True)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all changes.")

MEMORY = 256 * 1024**2
SECONDS = 10
FIXTURES = pathlib.Path(__file__).parent / "files"
KERAS = "keras"
# numbers that sizes, counts and offsets are replaced by
EXTREMES = [0, 1, -1, 127, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1]


def small_model():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(3)(inputs)))


def valid_files(format):
    """Returns the suffix of a format and files of it to start from."""
    if format == KERAS:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / f"file{KERAS_SUFFIX}"
            small_model().save_weights(path)
            return KERAS_SUFFIX, [path.read_bytes()]
    rng = np.random.default_rng(0)
    tensors = {"a.weight": rng.normal(size=(4, 3, 2)).astype("float32"), "a.bias": np.arange(4)}
    suffix, make = write_files.FORMATS[format]
    files = [make(tensors)]
    if format.startswith("torch_") and suffix == ".pth":
        container = format.removeprefix("torch_")
        files += [path.read_bytes() for path in FIXTURES.glob(f"torch_*_{container}.pth")]
    elif format == "mxnet":
        files += [path.read_bytes() for path in FIXTURES.glob("*.params")]
    return suffix, files


def damaged(rng, data):
    """Changes some bytes of a file or, of an archive every other time, of one of its members."""
    if data.startswith(b"PK") and rng.random() < 0.5:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = list(members)[int(rng.integers(len(members)))]
        members[name] = damaged(rng, members[name])
        return write_files.zipped(members)
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        start, stop = sorted(int(n) for n in rng.integers(0, len(data) + 1, 2))
        stop = min(stop, start + 64)
        match int(rng.integers(7)):
            case 0:  # one bit
                if start < len(data):
                    data[start] ^= 1 << int(rng.integers(8))
            case 1:  # one byte
                data[start : start + 1] = rng.bytes(1)
            case 2:  # one number
                kind = "bhiq"[int(rng.integers(4))]
                size = struct.calcsize(kind)
                number = EXTREMES[int(rng.integers(len(EXTREMES)))] % 256**size
                data[start : start + size] = number.to_bytes(size, "little")
            case 3:  # cut short
                del data[math.ceil(len(data) * rng.random()) :]
            case 4:  # a piece lost
                del data[start:stop]
            case 5:  # a piece twice
                data[stop:stop] = data[start:stop]
            case _:  # a piece of noise
                data[start:start] = rng.bytes(int(rng.integers(1, 17)))
    return bytes(data)


def read_damaged(format, first, count, seed, current, connection):
    """Reads damaged files, in a process of its own; sends what came of them."""
    suffix, files = valid_files(format)
    model = small_model() if format == KERAS else None
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = {"read": 0, "refused": 0, "failures": []}
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"file{suffix}"
        for number in range(first, first + count):
            current.value = number
            rng = np.random.default_rng([seed, number])
            path.write_bytes(damaged(rng, files[number % len(files)]))
            signal.alarm(SECONDS)  # which ends the process
            try:
                if model is None:
                    read_tensors(path)
                else:
                    load_keras_file(model, path, skip_classifier=False)
                outcome["read"] += 1
            except ValueError as error:
                if _is_greed(error):
                    outcome["failures"].append([number, "MemoryError"])
                outcome["refused"] += 1
            except BaseException as error:
                outcome["failures"].append([number, repr(error)[:200]])
            signal.alarm(0)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    connection.send({**outcome, "memory_growth_mib": round((after - before) / 1024, 1)})


def _is_greed(error):
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def fuzz(format, count, seed):
    """Reads damaged files of one format."""
    return {"memory_growth_mib": 0.0, **run_all(read_damaged, count, format, after=(seed,))}


def main(argv):
    """Runs all formats and writes the table."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    if keras.backend.backend() != "numpy":
        raise app.UsageError("Set KERAS_BACKEND=numpy, whose processes can be forked.")
    formats = {}
    for format in (*write_files.FORMATS, KERAS):
        formats[format] = fuzz(format, _FILES.value, _SEED.value)
        logging.info(
            "%s: %s", format, {k: v for k, v in formats[format].items() if k != "failures"}
        )
    result = {
        "command": "KERAS_BACKEND=numpy python -m tests.weights.fuzz_readers "
        f"--files={_FILES.value} --seed={_SEED.value} --output={_OUTPUT.value}",
        "memory_limit_mib": MEMORY // 1024**2,
        "seconds_limit_per_file": SECONDS,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "keras": keras.__version__,
            "safetensors": safetensors.__version__,
            "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version,
        },
        "formats": formats,
    }
    output = pathlib.Path(_OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n")
    failures = sum(len(row["failures"]) for row in formats.values())
    print(f"{sum(row['files'] for row in formats.values())} files, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    app.run(main)
