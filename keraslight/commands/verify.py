"""`keraslight verify`: which runtime a device computes a file with, and what is different."""

import click

from keraslight.benchmark import find_phones
from keraslight.benchmark.phone import binary
from keraslight.benchmark.phone.tool import DELEGATES
from keraslight.commands import options
from keraslight.commands.program import Command, note, show
from keraslight.failures import DIFFERS
from keraslight.files import require_place, write_json
from keraslight.pictures.folder import list_pictures
from keraslight.record import record
from keraslight.tflite.classify import preprocessing_of
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from keraslight.verification import OnPhone, OnThisMachine, verify_device
from keraslight.verification.inputs import drawn
from keraslight.verification.verify import require_int8

PHONE_ONLY = ("serial", "benchmark_binary", "benchmark_url", "benchmark_sha256")
PHONE_ONLY += ("benchmark_libraries", "threads")


@click.command(
    "verify",
    cls=Command,
    examples=[
        "keraslight verify model.tflite --android",
        "keraslight verify model.tflite --android --delegate=nnapi --data_dir=photos --json=v.json",
        "keraslight verify model.tflite --this-machine",
    ],
)
@click.argument("model", type=options.FILE)
@click.option(
    "--this-machine", "device", flag_value="here", default=True, help="Check this machine."
)
@click.option("--android", "device", flag_value="phone", help="Check a phone, by adb.")
@click.option(
    "--delegate",
    type=click.Choice(DELEGATES),
    default="xnnpack",
    help="Who is to run the file; here xnnpack or none.",
)
@click.option("--pictures", type=options.COUNT, default=8, help="How many pictures to compare.")
@options.data_dir
@options.preprocessing
@click.option("--serial", help="Serial number of the phone (see adb devices).")
@click.option("--threads", type=options.COUNT, default=1, help="Threads on the phone.")
@click.option(
    "--benchmark_binary",
    type=options.FILE,
    help="TensorFlow's benchmark_model executable. By default it is downloaded.",
)
@click.option("--benchmark_url", help="Where to download it.")
@click.option("--benchmark_sha256", help="The SHA-256 sum that it must have.")
@click.option(
    "--benchmark_libraries",
    type=options.CommaList(options.FILE),
    help="Shared libraries that it loads.",
)
@options.json_file
@click.pass_context
def command(
    context,
    model,
    device,
    delegate,
    pictures,
    data_dir,
    preprocessing,
    serial,
    threads,
    benchmark_binary,
    benchmark_url,
    benchmark_sha256,
    benchmark_libraries,
    json_file,
):
    """Say which runtime a device computes an int8 file with, bit for bit.

    MODEL runs on the device with pictures of --data_dir, or with drawn ones, and here with every
    runtime that is installed. If the device is none of them, the command says what is wrong with
    the pictures it gets, or which operator differs first and how. It also says whether the delegate
    ran all operators, or fell back without an error.
    """
    if json_file:
        require_place(json_file)  # before the work
    if not data_dir:
        options.refuse_ignored(context, options.PREPROCESSING, "--data_dir")
    file = ModelFile(model)
    require_int8(file)
    inputs = _inputs(file, data_dir, pictures, preprocessing)
    if device == "phone":
        (phone,) = find_phones(serial and [serial])
        tool = binary.benchmark_tool(phone, benchmark_binary, benchmark_url, benchmark_sha256)
        checked = OnPhone(phone, tool, delegate, threads, benchmark_libraries or (), note)
    else:
        options.refuse_ignored(context, PHONE_ONLY, "--android")
        if delegate not in ("xnnpack", "none"):
            raise ValueError(
                f"`delegate` must be xnnpack or none here. Received: delegate={delegate!r}"
            )
        checked = OnThisMachine(delegate)
    found = verify_device(checked, file, inputs)
    show(found)
    if json_file:
        content = {"kind": "verify", "record": record(), "model": file.facts(), **found.to_dict()}
        write_json(json_file, content)
    return DIFFERS if found.faults else 0


def _inputs(file, data_dir, count, preprocessing):
    """Returns pictures as the file takes them."""
    if not data_dir:
        return drawn(file.input_shape, file.inputs[0].type, count)
    runner = TFLiteRunner(file.path)
    prepare = preprocessing_of(file, runner, preprocessing)
    pictures = list_pictures(data_dir, count)
    return [runner.quantized(prepare(picture.source)[None]) for picture in pictures]
