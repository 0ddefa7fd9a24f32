r"""Trains a model by a recipe, and takes up a run that was stopped.

    python -m training.train --recipe=imagenette_vgnetg --data_dir=imagenette160 \
        --output_dir=runs/vgnetg

The folder of the run holds log.csv, the last checkpoint, best.keras (by accuracy of evaluation),
and at the end model.keras, labels.txt and summary.json. The same command again goes on from the
checkpoint.

With --qat it continues a finished run: the model is fused, quantized, calibrated, trained on and
written as an int8 .tflite, all in a folder of its own beside the run's files.
"""

import dataclasses
import json
import pathlib

import keras
from absl import app, flags

from keraslight.files import write_whole
from training import common_flags
from training.data.data import Data, make_data
from training.distribution import STRATEGIES, Devices, connect
from training.files import save_model
from training.fine_tune import MODEL, START, fine_tuning_recipe, prepare, write_int8
from training.loop import Options, train
from training.recipe import Recipe
from training.summary import evaluate, summarize

FLAGS = flags.FLAGS
LABELS = "labels.txt"  # which tflite.convert puts into the file
_SEED = flags.DEFINE_integer("seed", 0, "Seed of weights, order and augmentation.")
_SAVE_EVERY = flags.DEFINE_integer(
    "save_every", None, "Steps between two checkpoints; there is one after every epoch besides."
)
_ACCUMULATE = flags.DEFINE_integer(
    "accumulate", 1, "Steps that share the recipe's batch, and one update.", lower_bound=1
)
_QAT = flags.DEFINE_bool(
    "qat",
    False,
    "Continue a finished run in --output_dir by quantization-aware training, to an int8 .tflite.",
)
_CONTROL = flags.DEFINE_bool(
    "control", False, "With --qat: train in floating point for as long, to compare with."
)
_STRATEGY = flags.DEFINE_enum(
    "strategy", "one_device", STRATEGIES, "Which devices share the batches, and how."
)
_SYNCHRONIZE = flags.DEFINE_bool(
    "synchronize_norms", True, "Normalize by the batch of all devices, not of each."
)
_TPU = flags.DEFINE_string("tpu", "local", "Name of the TPU, with --strategy=tpu.")
_VIRTUAL_DEVICES = flags.DEFINE_integer(
    "virtual_devices", 1, "Split the CPU into this many devices, to try a strategy out."
)
_MIXED_PRECISION = flags.DEFINE_enum(
    "mixed_precision", None, ["float16", "bfloat16"], "Compute in half precision."
)
_JIT = flags.DEFINE_enum("jit", "auto", ["auto", "true", "false"], "Compile the step by XLA.")
_STEPS_PER_EXECUTION = flags.DEFINE_integer(
    "steps_per_execution", 1, "Steps that a device does without coming back to Python."
)
_TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "Write logs for TensorBoard.")


def load_data(recipe: Recipe, devices: Devices) -> Data:
    """Returns the pictures that the flags name."""
    sources = [common_flags.source(recipe, kind) for kind in ("train", "eval")]
    return make_data(*sources, recipe, _SEED.value, _ACCUMULATE.value, devices)


def check_same_run(folder: pathlib.Path, recipe: Recipe, seed: int) -> None:
    """Keeps what a run computes in its folder; refuses to go on with anything else."""
    run = {"recipe": recipe.to_dict(), "data_dir": common_flags.DATA_DIR.value, "seed": seed}
    content = json.dumps(run, indent=2, default=str)
    path = folder / "run.json"
    if path.exists() and path.read_text() != content:
        raise ValueError(
            "The folder holds a run of another recipe, data set or seed; give another "
            f"--output_dir. Received: output_dir='{folder}'; compare {path}"
        )
    write_whole(path, content.encode())


def main(argv):
    """Trains or fine-tunes, evaluates, and writes the model and the summary."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    recipe = common_flags.recipe()
    devices = connect(_STRATEGY.value, _TPU.value, _VIRTUAL_DEVICES.value)
    if _MIXED_PRECISION.value:
        keras.mixed_precision.set_global_policy(f"mixed_{_MIXED_PRECISION.value}")
    run = folder = pathlib.Path(common_flags.OUTPUT_DIR.value)
    if _CONTROL.value and not _QAT.value:
        raise app.UsageError("--control says how to carry out --qat.")
    if _QAT.value:
        folder = run / ("qat_control" if _CONTROL.value else "qat")
        recipe = fine_tuning_recipe(recipe)
    if devices.writes:
        folder.mkdir(parents=True, exist_ok=True)
        check_same_run(folder, recipe, _SEED.value)
    data = load_data(recipe, devices)
    options = Options(
        seed=_SEED.value,
        save_every=_SAVE_EVERY.value,
        accumulate=_ACCUMULATE.value,
        steps_per_execution=_STEPS_PER_EXECUTION.value,
        synchronize_norms=_SYNCHRONIZE.value,
        jit={"auto": "auto", "true": True, "false": False}[_JIT.value],
        tensorboard=_TENSORBOARD.value,
        verbose=common_flags.VERBOSE.value,
    )
    local = dataclasses.replace(data, devices=Devices())
    if _QAT.value:
        if devices.writes:
            prepare(run, folder, local, quantized=not _CONTROL.value)
        devices.barrier()

    def build(input_shape):
        if _QAT.value:
            return keras.models.load_model(folder / START)
        return recipe.build(data.classes, input_shape)

    model, progress = train(build, recipe, data, folder, options)
    if not devices.writes:
        return
    save_model(model, folder / MODEL)
    labels = "".join(f"{name}\n" for name in local.train_source.class_names)
    write_whole(folder / LABELS, labels.encode())
    summary = summarize(model, recipe, local, progress, options.seed)
    if _QAT.value:
        start = keras.models.load_model(folder / START)
        summary["start_accuracy"] = evaluate(start, local)["accuracy"]
        summary["int8_accuracy"] = evaluate(write_int8(model, folder, local), local)["accuracy"]
    text = json.dumps(summary, indent=2)
    write_whole(folder / "summary.json", text.encode())
    print(text)


if __name__ == "__main__":
    app.run(main)
