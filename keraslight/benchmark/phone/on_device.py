"""Compares what a phone makes of pictures with what this machine makes of them."""

from collections.abc import Callable, Sequence

import numpy as np

from keraslight.benchmark.phone import device
from keraslight.benchmark.phone.adb import Phone
from keraslight.benchmark.phone.inference import outputs_on_phone
from keraslight.benchmark.phone.tool import CommandLineTool, phone_folder
from keraslight.benchmark.results import Case
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner


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
    inputs = [runner.quantized(image[None]) for image in images]
    here = [runner.run(image) for image in images]
    with phone_folder(phone, show) as folder:
        tool = CommandLineTool(phone, folder, binary, libraries=libraries)
        phone.push(model.path, f"{folder}/model.tflite")
        found = outputs_on_phone(tool, "model.tflite", case, inputs, here[0].nbytes, show)
    there = [np.frombuffer(x, here[0].dtype).reshape(here[0].shape) for x in found]
    result = _compare(runner, np.stack(here), np.stack(there))
    result["device"] = device.facts(phone)["name"]
    result["case"] = vars(case)
    if case.delegate == "gpu" and result["identical"] == 1:
        result["warning"] = "every output is bit-identical: the GPU was probably not used"
    return result


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
