r"""Feeds damaged .tflite files to `keraslight.load_tflite` and looks for crashes, hangs and greed.

    KERAS_BACKEND=numpy python -m tests.tflite_import.fuzz_import --files=10000 \
        --output=results/fuzz_import.json

A damaged file is a sound one with some bytes or some numbers of its tables changed. A process reads
the files, which may take no more than 512 MiB and ten seconds of the processor for a file. A file
may be read or be refused with a `ValueError`; anything else is a failure, and the seed and the
number of the file make it again.
"""

import pathlib
import resource
import signal
import sys
import tempfile
import time
import warnings

import keras
import numpy as np
from absl import app, logging

from keraslight.record import record, write_result
from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema
from keraslight.tflite_import.load import load_tflite
from tests.processes import run_all
from tests.weights.fuzz_readers import EXTREMES, FLAGS, damaged

MIB = 1024**2
MEMORY = 512 * MIB
SECONDS = 10
DATA = pathlib.Path(__file__).parent / "data"
# how often a session of Keras is cleared, in files
CLEARED = 20


def with_other_numbers(rng, data):
    """Changes some numbers in the tables of a file: indices, shapes, kinds, scales, options."""
    model = flatbuffer.read(data)
    graph = model.subgraphs[0]
    for _ in range(int(rng.integers(1, 4))):
        kind = int(rng.integers(6))
        tensor = graph.tensors[int(rng.integers(len(graph.tensors)))]
        op = graph.operators[int(rng.integers(len(graph.operators)))]
        number = int(rng.integers(-2, len(graph.tensors) + 2))
        match kind:
            case 0:
                _set(rng, op, "inputs", number, "int32")
            case 1:
                _set(rng, op, "outputs", number, "int32")
            case 2:
                side = EXTREMES[int(rng.integers(len(EXTREMES)))] % 2**31
                _set(rng, tensor, "shape", side, "int32")
            case 3:
                codes = model.operatorCodes
                code = codes[int(rng.integers(len(codes)))]
                code.builtinCode = int(rng.integers(0, 210))
                code.version = int(rng.integers(1, 20))
            case 4:
                if tensor.quantization is not None:
                    scale = float(rng.choice([0, -1, np.nan, np.inf, 1e-40, 1e30, 1.0]))
                    _set(rng, tensor.quantization, "scale", scale, "float32")
            case _:
                options = vars(op.builtinOptions or tflite_schema().AddOptionsT())
                name = list(options)[int(rng.integers(len(options)))]
                if isinstance(options[name], int):
                    options[name] = int(rng.integers(-2, 100))
    return flatbuffer.write(model)


def _set(rng, owner, name, number, dtype):
    numbers = getattr(owner, name)
    if numbers is not None and len(numbers):
        numbers = np.array(numbers, dtype)
        numbers[int(rng.integers(len(numbers)))] = number
        setattr(owner, name, numbers)


def damaged_file(rng, data):
    """Returns a damaged file, or one with other numbers where the schema can hold them."""
    if rng.random() < 0.5:
        return damaged(rng, data)
    try:
        return with_other_numbers(rng, data)
    except Exception:  # the writer of the schema refuses some numbers
        return damaged(rng, data)


def read_damaged(files, first, count, seed, current, connection):
    """Reads damaged files, in a process of its own; sends what came of them."""
    outcome = {"read": 0, "refused": 0, "failures": [], "slowest_seconds": 0.0}
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "damaged.tflite"
        for number in range(first, first + count):
            current.value = number
            rng = np.random.default_rng([seed, number])
            path.write_bytes(damaged_file(rng, files[number % len(files)]))
            start = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # which ends the process
            try:
                load_tflite(path)
                outcome["read"] += 1
            except ValueError:
                outcome["refused"] += 1
            except BaseException as error:
                outcome["failures"].append([number, repr(error)[:200]])
            signal.setitimer(signal.ITIMER_PROF, 0)
            seconds = time.process_time() - start
            outcome["slowest_seconds"] = round(max(outcome["slowest_seconds"], seconds), 2)
            if number % CLEARED == 0:
                keras.utils.clear_session()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if peak > MEMORY:
        outcome["failures"].append([None, f"{peak / MIB:.0f} MiB"])
    connection.send({**outcome, "peak_memory_mib": round(peak / MIB, 1)})


def fuzz(files, count, seed):
    """Reads damaged files."""
    return run_all(read_damaged, count, files, after=(seed,))


def main(argv):
    """Reads all files and writes the table."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    if keras.backend.backend() != "numpy":
        raise app.UsageError("Set KERAS_BACKEND=numpy, whose processes can be forked.")
    kinds = {}
    paths = sorted(DATA.glob("*.tflite"))
    for path in paths:
        count = FLAGS.files // len(paths)
        kinds[path.stem] = fuzz([path.read_bytes()], count, FLAGS.seed)
        logging.info("%s: %s", path.stem, kinds[path.stem])
    limits = {"memory_limit_mib": MEMORY // MIB, "seconds_limit_per_file": SECONDS}
    write_result(FLAGS.output, {**limits, "kinds": kinds}, record(seeds=FLAGS.seed))
    failures = sum(len(row["failures"]) for row in kinds.values())
    print(f"{sum(row['files'] for row in kinds.values())} files, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    app.run(main)
