r"""What RefCO costs in training, beside computing every branch.

    python -m training.refco_cost --output=results/refco_training.csv

Times a training step of one RefCO layer, and measures the peak memory of the process that runs it,
for `keraslight.layers.RefCO` and for the same layer branch by branch, each in a process of its own.
Takes about two minutes on two cores.
"""

import json
import pathlib
import resource
import subprocess
import sys
import time

import keras
import numpy as np
from absl import app, flags

from keraslight.files import write_whole
from keraslight.layers import RefCO
from keraslight.layers.normalized_branches import NormalizedBranches
from keraslight.layers.parts import NORM_EPSILON, NORM_MOMENTUM
from training.files import to_csv

FLAGS = flags.FLAGS
_OUTPUT = flags.DEFINE_string("output", "results/refco_training.csv", "The table to write.")
_BATCH = flags.DEFINE_integer("batch", 8, "Pictures a step.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", 10, "Steps that are timed.", lower_bound=1)
_ONE = flags.DEFINE_string("one", None, "Used by the program itself: the form to run, as JSON.")

# channels, filters, height and width: expansions and projections of LightNet's stages
SIZES = ((32, 128, 56), (128, 32, 56), (64, 256, 28), (256, 64, 28), (128, 512, 14))
FORMS = ("RefCO", "branch by branch")


class BranchByBranch(NormalizedBranches):
    """`NormalizedBranches` that computes every branch and normalizes it by what it computed."""

    def call(self, inputs, training=False):
        ops = keras.ops
        shape = ops.shape(inputs)
        x = ops.reshape(inputs, (-1, *inputs.shape[-2:]))
        branches = ops.einsum("ngk,bgko->nbgo", x, self.kernel)
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = ops.moments(branches, 0)
            for moving, of_batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(NORM_MOMENTUM * moving + (1 - NORM_MOMENTUM) * of_batch)
        scale = self.gamma * ops.rsqrt(variance + NORM_EPSILON)
        outputs = ops.sum((branches - mean) * scale + self.beta, axis=1)
        return ops.reshape(outputs, (-1, *shape[1:-1], self.units))


class RefCOBranchByBranch(RefCO):
    """`RefCO` that computes every branch."""

    def build(self, input_shape):
        super().build(input_shape)
        for part in (self.first, self.second):
            part.__class__ = BranchByBranch


def run_one(form: str, channels: int, filters: int, side: int, batch: int, steps: int) -> dict:
    """Trains a model of one layer for some steps; returns milliseconds a step and megabytes."""
    start = keras.Input((side, side, channels))
    layer = (RefCO if form == FORMS[0] else RefCOBranchByBranch)(filters)
    model = keras.Model(start, keras.layers.GlobalAveragePooling2D()(layer(start)))
    model.compile("sgd", "mse", jit_compile=False)
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (batch, side, side, channels)).astype("float32")
    y = np.zeros((batch, filters), "float32")
    model.train_on_batch(x, y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(steps):
        begin = time.perf_counter()
        model.train_on_batch(x, y)
        seconds.append(time.perf_counter() - begin)
    peak = max(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return {"ms": float(np.median(seconds)) * 1e3, "peak_mb": peak / 1024}


def main(argv):
    """Runs every size in both forms and writes the table."""
    del argv
    if _ONE.value:
        print(json.dumps(run_one(**json.loads(_ONE.value))))
        return
    rows = []
    for channels, filters, side in SIZES:
        found = []
        for form in FORMS:
            sizes = {"channels": channels, "filters": filters, "side": side}
            task = {"form": form, **sizes, "batch": _BATCH.value, "steps": _STEPS.value}
            command = [sys.executable, "-m", "training.refco_cost", f"--one={json.dumps(task)}"]
            result = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(result.stdout.splitlines()[-1]))
            rows.append({**task, **{k: round(v, 1) for k, v in found[-1].items()}})
        print(
            f"{channels}>{filters}@{side}: {found[0]['ms']:.1f} ms, {found[0]['peak_mb']:.0f} MB; "
            f"branch by branch {found[1]['ms']:.1f} ms, {found[1]['peak_mb']:.0f} MB"
        )
    path = pathlib.Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    title = "# python -m training.refco_cost: one layer, one training step, whole process\n"
    write_whole(path, title.encode() + to_csv(rows))


if __name__ == "__main__":
    app.run(main)
