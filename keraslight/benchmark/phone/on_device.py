"""Compares what a phone makes of pictures with what this machine makes of them."""

import pathlib
import tempfile
from collections.abc import Callable, Sequence

import numpy as np

from keraslight.benchmark.phone import device
from keraslight.benchmark.phone.adb import Phone, PhoneError
from keraslight.benchmark.phone.tool import CommandLineTool, phone_folder
from keraslight.benchmark.results import Case
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner

NEEDED_FLAGS = {"input_layer", "input_layer_shape", "input_layer_value_files", "output_filepath"}
SECONDS = 60


def compare_with_desktop(
    phone: Phone,
    model: ModelFile,
    case: Case,
    images: Sequence[np.ndarray],
    binary,
    libraries: Sequence[str] = (),
    show: Callable[[str], None] = lambda text: None,
) -> dict:
    """Runs the same pictures on the phone and here.

    Args:
        phone: the phone.
        model: a classifier.
        case: threads and delegate on the phone.
        images: pictures as the model takes them, float arrays.
        binary: path of the classic benchmark_model executable for the phone.
        libraries: paths of shared libraries that the executable loads, as for its GPU.
        show: called with a line of progress.

    Returns:
        A dict: the share of pictures of the same best class, of bit-identical outputs, and the
        greatest and the mean difference of the outputs, as floats.

    Raises:
        PhoneError: if the tool cannot take inputs or fails.
    """
    runner = TFLiteRunner(model.path)
    here, there = [], []
    with phone_folder(phone, show) as folder, tempfile.TemporaryDirectory() as temporary:
        inputs, outputs = (pathlib.Path(temporary) / name for name in ("inputs", "outputs"))
        inputs.mkdir()
        for number, image in enumerate(images):
            runner.quantized(image[None]).tofile(inputs / f"{number}.bin")
            here.append(runner.run(image))
        tool = CommandLineTool(phone, folder, binary, libraries=libraries)
        missing = NEEDED_FLAGS - tool.flags
        if missing:
            raise PhoneError(
                f"{phone.serial}: this benchmark_model cannot be given inputs (it has no "
                f"--{min(missing)}): pass TensorFlow's with --benchmark_binary=FILE"
            )
        phone.push(model.path, f"{folder}/model.tflite")
        phone.push(inputs, f"{folder}/inputs")
        phone.shell(f"mkdir -p {folder}/outputs")
        shape = ",".join(str(int(n)) for n in runner.input["shape"])
        for number in range(len(images)):
            if number % 10 == 0:
                show(f"{number} of {len(images)} pictures on the phone")
            tool.run(
                "model.tflite",
                case,
                SECONDS,
                input_layer="image",
                input_layer_shape=shape,
                input_layer_value_files=f"image:inputs/{number}.bin",
                output_filepath=f"outputs/{number}.bin",
                num_runs=1,
                min_secs=0,
                warmup_runs=0,
                warmup_min_secs=0,
            )
        phone.pull(f"{folder}/outputs", outputs)
        for number, output in enumerate(here):
            there.append(_read(outputs / f"{number}.bin", output, phone))
    result = _compare(runner, np.stack(here), np.stack(there))
    result["device"] = device.facts(phone)["name"]
    result["case"] = vars(case)
    if case.delegate == "gpu" and result["identical"] == 1:
        result["warning"] = "every output is bit-identical: the GPU was probably not used"
    return result


def _read(path, like, phone):
    if not path.is_file() or path.stat().st_size != like.nbytes:
        raise PhoneError(
            f"{phone.serial}: the phone gave no output of {like.nbytes} bytes for a picture"
        )
    return np.fromfile(path, like.dtype).reshape(like.shape)


def _compare(runner, here, there):
    identical = (here == there).reshape(len(here), -1).all(axis=1)
    one, other = (runner.dequantized(y).reshape(len(y), -1) for y in (here, there))
    difference = np.abs(one - other)
    return {
        "pictures": len(here),
        "top1": float((one.argmax(axis=1) == other.argmax(axis=1)).mean()),
        "identical": float(identical.mean()),
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
    }
