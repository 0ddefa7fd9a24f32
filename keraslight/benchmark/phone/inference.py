"""Runs inputs through a file on a phone, with the classic benchmark_model tool."""

import pathlib
import tempfile
from collections.abc import Callable, Sequence

import numpy as np

from keraslight.benchmark.phone.adb import PhoneError
from keraslight.benchmark.phone.tool import CommandLineTool
from keraslight.benchmark.results import Case

NEEDED_FLAGS = {"input_layer", "input_layer_shape", "input_layer_value_files", "output_filepath"}
SECONDS = 60


def outputs_on_phone(
    tool: CommandLineTool,
    graph: str,
    case: Case,
    inputs: Sequence[np.ndarray],
    size: int,
    show: Callable[[str], None] = lambda text: None,
) -> list[bytes]:
    """Returns the outputs of a file on the phone for each input, one after the other as bytes.

    Args:
        tool: the tool in a folder of the phone.
        graph: str, the name of the file in the folder.
        case: threads and delegate.
        inputs: arrays, as the input of the file takes them.
        size: int, the bytes of all outputs together.
        show: called with a line of progress.

    Raises:
        PhoneError: if the tool cannot take inputs, fails or gives an output of another size.
    """
    phone, folder = tool.phone, tool.folder
    missing = NEEDED_FLAGS - tool.flags
    if missing:
        raise PhoneError(
            f"{phone.serial}: this benchmark_model cannot be given inputs (it has no "
            f"--{min(missing)}): pass TensorFlow's with --benchmark_binary=FILE"
        )
    with tempfile.TemporaryDirectory() as temporary:
        here, there = (pathlib.Path(temporary) / name for name in ("inputs", "outputs"))
        here.mkdir()
        for number, values in enumerate(inputs):
            np.ascontiguousarray(values).tofile(here / f"{number}.bin")
        phone.shell(f"rm -rf {folder}/inputs {folder}/outputs; mkdir -p {folder}/outputs")
        phone.push(here, f"{folder}/inputs")
        for number, values in enumerate(inputs):
            if number % 10 == 0:
                show(f"{number} of {len(inputs)} pictures on the phone")
            tool.run(
                graph,
                case,
                SECONDS,
                input_layer="image",
                input_layer_shape=",".join(str(int(n)) for n in values.shape),
                input_layer_value_files=f"image:inputs/{number}.bin",
                output_filepath=f"outputs/{number}.bin",
                num_runs=1,
                min_secs=0,
                warmup_runs=0,
                warmup_min_secs=0,
            )
        phone.pull(f"{folder}/outputs", there)
        return [_read(there / f"{number}.bin", size, phone) for number in range(len(inputs))]


def _read(path, size, phone):
    content = path.read_bytes() if path.is_file() else b""
    if len(content) != size:
        raise PhoneError(
            f"{phone.serial}: the phone gave no output of {size} bytes for a picture. Received: "
            f"{len(content)} bytes"
        )
    return content
