"""One RefCO layer, and the same layer branch by branch: a training step, its time and memory."""

import json
import resource
import subprocess
import sys
import time

import keras
import numpy as np

from keraslight.layers import RefCO
from keraslight.layers.normalized_branches import NormalizedBranches
from keraslight.layers.parts import NORM_EPSILON, NORM_MOMENTUM

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


def in_own_process(task: dict) -> dict:
    """Returns what `run_one` returns for these arguments in a new process, for its peak memory."""
    command = [sys.executable, "-m", __name__, json.dumps(task)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ValueError(f"{task} failed. Received: {result.stderr[-2000:]}")
    return json.loads(result.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(run_one(**json.loads(sys.argv[1]))))
