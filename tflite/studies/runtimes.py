r"""Times one model in LiteRT, ONNX Runtime and PyTorch, in one run, round by round.

    python -m tflite.studies.runtimes --model=vgnetg_1_0mp --output=results/runtimes.json

The model is fused for float. ONNX Runtime and PyTorch are skipped, with a word, where they are not
installed (`pip install keraslight[runtimes]`). Every runtime's output is compared with Keras's.
"""

import functools
import importlib
import pathlib
import sys
import tempfile
import time

import keras
import numpy as np
from absl import flags

import keraslight
from keraslight.benchmark import machine
from keraslight.benchmark.results import (
    Case,
    Measurement,
    Round,
    noise_warnings,
    run_dict,
    table,
    write_json,
)
from keraslight.commands import program
from keraslight.conversion.keras_model import image_shape, load_model
from keraslight.conversion.noise import settle
from keraslight.tflite.runner import TFLiteRunner

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model", "vgnetg_1_0mp", "A name of keraslight.list_models(), a .keras file, or a run's folder."
)
flags.DEFINE_string("input_size", None, "224: the pictures' size, where the model takes any.")
flags.DEFINE_integer("rounds", 8, "How often each runtime is visited.", lower_bound=1)
flags.DEFINE_integer("runs", 30, "Inferences of a visit.", lower_bound=1)
flags.DEFINE_integer("threads", 1, "Number of threads.", lower_bound=1)
flags.DEFINE_string("output", None, "The .json file to write; a table goes beside it.")

WARMUP_RUNS = 5
TOLERANCE = 1e-3


def main():
    """Times the model in every runtime there is."""
    size = (int(FLAGS.input_size),) * 2 if FLAGS.input_size else None
    model, _, _ = load_model(FLAGS.model, size=size)
    shape = (1, *image_shape(model))
    fused = keraslight.fuse(settle(model), target="float")
    image = np.random.default_rng(0).normal(0, 1, shape).astype("float32")
    expected = keras.ops.convert_to_numpy(fused(image, training=False))
    sessions, skipped = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name, start in RUNTIMES.items():
            try:
                call = start(fused, image, pathlib.Path(folder))
            except ImportError as error:
                skipped.append(f"{name} is skipped: {error}")
                continue
            error = np.abs(call() - expected).max() / np.abs(expected).max()
            if error > TOLERANCE:
                raise program.Failure(f"{name} computes something else: relative error {error:.2g}")
            sessions[name] = call
        measurements = [Measurement(Case(name, FLAGS.threads, "")) for name in sessions]
        for number in range(FLAGS.rounds):
            program.note(f"round {number + 1} of {FLAGS.rounds}")
            for measurement, call in zip(measurements, sessions.values(), strict=True):
                measurement.rounds.append(_visit(call))
    run = run_dict(
        {**machine.facts(), "versions": _versions()},
        {"rounds": FLAGS.rounds, "runs": FLAGS.runs},
        measurements,
        noise_warnings(measurements) + skipped,
    )
    text = f"{model.name}, fused, float, {FLAGS.threads} thread(s), {run['device']['name']}\n\n"
    text += table(run) + "\n"
    print(text)
    for warning in run["warnings"]:
        program.note(f"note: {warning}")
    if FLAGS.output:
        write_json(FLAGS.output, {"kind": "runtimes", "command": program.command(), **run})
        pathlib.Path(FLAGS.output).with_suffix(".md").write_text(f"`{program.command()}`\n\n{text}")


def _visit(call):
    for _ in range(WARMUP_RUNS):
        call()
    milliseconds = []
    for _ in range(FLAGS.runs):
        start = time.perf_counter()
        call()
        milliseconds.append(1e3 * (time.perf_counter() - start))
    return Round.of(np.array(milliseconds))


def _litert(fused, image, folder):
    keraslight.export_tflite(fused, folder / "model.tflite")
    runner = TFLiteRunner(folder / "model.tflite", FLAGS.threads)
    return lambda: runner.run(image[0])


def _torch_module(fused):
    torch = importlib.import_module("torch")
    torch.set_num_threads(FLAGS.threads)
    return torch, importlib.import_module("tflite.studies.torch_model").TorchModel(fused).eval()


def _torch(fused, image, folder, memory="contiguous_format"):
    torch, module = _torch_module(fused)
    memory_format = getattr(torch, memory)
    module = module.to(memory_format=memory_format)
    tensor = torch.tensor(image.transpose(0, 3, 1, 2).copy())
    tensor = tensor.contiguous(memory_format=memory_format)

    def call():
        with torch.inference_mode():
            return module(tensor).numpy()

    return call


def _onnx(fused, image, folder):
    onnxruntime = importlib.import_module("onnxruntime")
    importlib.import_module("onnx")
    torch, module = _torch_module(fused)
    tensor = torch.tensor(image.transpose(0, 3, 1, 2).copy())
    path = folder / "model.onnx"
    torch.onnx.export(module, (tensor,), path, input_names=["image"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = FLAGS.threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {"image": tensor.numpy()}
    return lambda: session.run(None, inputs)[0]


RUNTIMES = {
    "LiteRT": _litert,
    "ONNX Runtime": _onnx,
    "PyTorch": _torch,
    "PyTorch, channels last": functools.partial(_torch, memory="channels_last"),
}


def _versions():
    names = ("ai_edge_litert", "onnxruntime", "torch", "keras")
    found = {}
    for name in names:
        if name in sys.modules:
            found[name] = getattr(sys.modules[name], "__version__", machine.runtime())
    return found


if __name__ == "__main__":
    program.run(main)
