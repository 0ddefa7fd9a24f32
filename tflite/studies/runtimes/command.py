"""Times one model in every runtime there is."""

import functools
import importlib
import pathlib
import tempfile
import time

import click
import keras
import numpy as np

import keraslight
from keraslight.benchmark import Case, Measurement, Round, TimingReport, machine
from keraslight.benchmark.results import noise_warnings
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.conversion.input_size import with_input_size
from keraslight.conversion.keras_model import load_model
from keraslight.conversion.noise import settle
from keraslight.failures import Failure
from keraslight.files import require_place, write_json
from keraslight.record import record
from keraslight.tflite.runner import TFLiteRunner
from tflite.studies.shared.files import write_table

WARMUP_RUNS = 5
TOLERANCE = 1e-3


@click.command(
    "runtimes",
    cls=Command,
    examples=["python -m tflite.studies.runtimes --model=vgnetg_1_0mp --output=runtimes.json"],
)
@options.model
@options.input_size
@click.option("--rounds", type=options.COUNT, default=8, help="How often each runtime is visited.")
@click.option("--runs", type=options.COUNT, default=30, help="Inferences of a visit.")
@click.option("--threads", type=options.COUNT, default=1, help="Number of threads.")
@click.option(
    "--output", type=options.NEW_FILE, help="The .json file to write; a table goes beside it."
)
def command(model, input_size, rounds, runs, threads, output):
    """Times one model, fused for float, in LiteRT, ONNX Runtime and PyTorch.

    ONNX Runtime and PyTorch are skipped, with a word, where they are not installed
    (pip install "keraslight[runtimes]"). Every runtime's output is compared with Keras's.
    """
    if output:
        require_place(output)
    result, text = run_study(model, input_size, rounds, runs, threads, output)
    click.echo(text)
    for warning in result["warnings"]:
        note(f"warning: {warning}")


def run_study(name, input_size=None, rounds=8, runs=30, threads=1, output=None) -> tuple[dict, str]:
    """Times a model; returns the result and its table, and writes both if `output` is given."""
    model = with_input_size(load_model(name, size=input_size).model, input_size)
    fused = keraslight.fuse(settle(model), target="float")
    image = np.random.default_rng(0).normal(0, 1, (1, *model.input_shape[1:])).astype("float32")
    about = {"kind": "runtimes", "record": record(packages=("torch", "onnx", "onnxruntime"))}
    about["command"] = about["record"]["command"]
    settings = {"rounds": rounds, "runs": runs, "threads": threads}
    report = TimingReport([], machine.facts(), settings, [])

    def save(complete):
        result = {**about, "model": name, "complete": complete, **report.to_dict()}
        if output:
            write_json(output, result)
        return result

    with tempfile.TemporaryDirectory() as folder:
        sessions = _sessions(fused, image, pathlib.Path(folder), threads, report.warnings)
        report.measurements += [Measurement(Case(name, threads, "")) for name in sessions]
        for number in range(rounds):
            note(f"round {number + 1} of {rounds}")
            for measurement, call in zip(report.measurements, sessions.values(), strict=True):
                measurement.rounds.append(_visit(call, runs))
            save(complete=False)
    report.warnings += noise_warnings(report.measurements)
    result = save(complete=True)
    plural = "s" * (threads > 1)
    text = f"{model.name}, fused, float, {threads} thread{plural}, {report.device['name']}\n\n"
    text += f"{report}\n"
    if output:
        write_table(output, f"`{about['command']}`\n\n{text}")
    return result, text


def _sessions(fused, image, folder, threads, warnings):
    """Returns the runtimes that are installed, each ready to run, and checks what they compute."""
    expected = keras.ops.convert_to_numpy(fused(image, training=False))
    sessions = {}
    for name, start in RUNTIMES.items():
        try:
            call = start(fused, image, folder, threads)
        except ImportError as error:
            warnings.append(f"{name} is skipped: {error}")
            continue
        error = np.abs(call() - expected).max() / np.abs(expected).max()
        if error > TOLERANCE:
            raise Failure(f"{name} computes something else: relative error {error:.2g}")
        sessions[name] = call
    return sessions


def _visit(call, runs):
    for _ in range(WARMUP_RUNS):
        call()
    milliseconds = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        milliseconds.append(1e3 * (time.perf_counter() - start))
    return Round.of(np.array(milliseconds))


def _litert(fused, image, folder, threads):
    keraslight.export_tflite(fused, folder / "model.tflite")
    runner = TFLiteRunner(folder / "model.tflite", threads)
    return lambda: runner.run(image[0])


def _torch_module(fused, threads):
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    models = importlib.import_module("tflite.studies.runtimes.torch_model")
    return torch, models.TorchModel(fused).eval()


def _torch(fused, image, folder, threads, memory="contiguous_format"):
    torch, module = _torch_module(fused, threads)
    memory_format = getattr(torch, memory)
    module = module.to(memory_format=memory_format)
    tensor = torch.tensor(image.transpose(0, 3, 1, 2).copy())
    tensor = tensor.contiguous(memory_format=memory_format)

    def call():
        with torch.inference_mode():
            return module(tensor).numpy()

    return call


def _onnx(fused, image, folder, threads):
    onnxruntime = importlib.import_module("onnxruntime")
    importlib.import_module("onnx")
    torch, module = _torch_module(fused, threads)
    tensor = torch.tensor(image.transpose(0, 3, 1, 2).copy())
    path = folder / "model.onnx"
    torch.onnx.export(module, (tensor,), path, input_names=["image"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {"image": tensor.numpy()}
    return lambda: session.run(None, inputs)[0]


RUNTIMES = {
    "LiteRT": _litert,
    "ONNX Runtime": _onnx,
    "PyTorch": _torch,
    "PyTorch, channels last": functools.partial(_torch, memory="channels_last"),
}
