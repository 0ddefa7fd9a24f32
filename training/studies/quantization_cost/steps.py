"""How long quantizing a network takes, and a step of training it, beside the fused one."""

import statistics
import time

import numpy as np

import keraslight
from training.loop import jit_mode

CLASSES = 10


def rewrite(name: str) -> dict:
    """Returns how long it takes to quantize a network, and its size."""
    fused = keraslight.fuse(keraslight.create_model(name))
    start = time.perf_counter()
    quantized = keraslight.quantize_model(fused)
    seconds = time.perf_counter() - start
    return {
        "model": name,
        "layers": len(quantized.layers),
        "parameters": fused.count_params(),
        "quantize_seconds": round(seconds, 2),
    }


def step_times(name: str, size: int, batch: int, steps: int, rounds: int) -> dict:
    """Returns the milliseconds a step of the fused and of the quantized model takes."""
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, (batch, size, size, 3)).astype("float32")
    labels = rng.integers(0, CLASSES, batch)
    shape = (size, size, 3)
    fused = keraslight.fuse(keraslight.create_model(name, input_shape=shape, classes=CLASSES))
    quantized = keraslight.quantize_model(fused)
    keraslight.calibrate(quantized, [images], bias_correction=False, verbose=0)
    models = (fused, quantized)
    for model in models:
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit_mode())
        model.train_on_batch(images, labels)
    times = {model: [] for model in models}
    for _ in range(rounds):
        for model in models:
            start = time.perf_counter()
            for _ in range(steps):
                model.train_on_batch(images, labels)
            times[model].append((time.perf_counter() - start) / steps)
    ratios = [q / f for f, q in zip(*times.values(), strict=True)]
    return {
        **{
            f"{form}_ms": round(1e3 * statistics.median(times[model]), 1)
            for form, model in zip(("fused", "quantized"), models, strict=True)
        },
        "ratio": round(statistics.median(ratios), 3),
        "least_ratio": round(min(ratios), 3),
        "greatest_ratio": round(max(ratios), 3),
    }


def measure(trained: list[str], rewritten: list[str], **settings) -> list[dict]:
    """Returns a row for every network: those to train, and those only to quantize.

    Args:
        trained, rewritten: names of networks.
        **settings: `size`, `batch`, `steps` and `rounds` of `step_times`.
    """
    rows = [{**rewrite(name), **step_times(name, **settings)} for name in trained]
    rows += [rewrite(name) for name in rewritten]
    return [{**row, **settings} for row in rows]
