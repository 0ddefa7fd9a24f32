"""Times training with the batches of several pipelines, which take turns."""

import time

import grain
import keras
import numpy as np

from training.data.batches import by_step
from training.data.data import Data
from training.loop import jit_mode
from training.optimizer import build_optimizer
from training.studies.input_pipelines import tf_data
from training.task import compile_model

REFERENCE = "tf.data"


def in_threads(threads):
    """Returns a pipeline of grain in this many threads, a batch more than that ahead."""

    def batches(*arguments):
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + 1)
        return by_step(*arguments).to_iter_dataset(options)

    return batches


PIPELINES = {
    REFERENCE: tf_data.train_batches,
    "grain, 1 thread": in_threads(1),
    "grain, 2 threads": in_threads(2),
    "grain, 16 threads": in_threads(16),
}


class StepTimes(keras.callbacks.Callback):
    """Collects the seconds and the processor seconds of every step but the first of a fit()."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append((time.perf_counter(), time.process_time()))

    @property
    def steps(self) -> np.ndarray:
        """An array of shape `(steps, 2)`."""
        return np.diff(np.array(self.ends), axis=0)


def measure(data: Data, size: int, steps: int, rounds: int) -> dict:
    """Trains by every pipeline in turn.

    Args:
        data: the pictures.
        size: int, height and width to train with.
        steps: int, of a turn.
        rounds: int, how many turns each pipeline takes, beside one that is not counted.

    Returns:
        A dict from a pipeline to an array of shape `(rounds, steps - 1, 2)`: the seconds and the
        processor seconds of every step.
    """
    recipe, order = data.recipe, data.order
    model = recipe.build(data.classes, (None, None, 3))
    optimizer = build_optimizer(recipe, model, order.steps_per_epoch)
    compile_model(model, recipe.label_smoothing, optimizer=optimizer, jit_compile=jit_mode())
    found = {name: [] for name in PIPELINES}
    for number in range(rounds + 1):
        part = range(number * steps, (number + 1) * steps)
        for name, batches in PIPELINES.items():
            dataset = batches(data.train_source, recipe, order, part, size)
            times = StepTimes()
            model.fit(dataset, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[times])
            found[name] += [times.steps] if number else []
    return {name: np.stack(turns) for name, turns in found.items()}


def input_alone(data: Data, size: int, steps: int) -> dict:
    """Returns the seconds and the processor seconds of a batch while nothing is trained."""
    found = {}
    for name, batches in PIPELINES.items():
        made = iter(batches(data.train_source, data.recipe, data.order, range(steps + 1), size))
        next(made)
        start, worked = time.perf_counter(), time.process_time()
        count = sum(1 for _ in made)
        elapsed = time.perf_counter() - start, time.process_time() - worked
        found[name] = tuple(seconds / count for seconds in elapsed)
    return found


def table(alone: dict, times: dict) -> list[dict]:
    """Returns a row per pipeline: milliseconds, and ratios to tf.data.

    The tenth percentile of the steps is what a step takes while the machine does nothing else.
    """
    quick = {name: np.percentile(steps[..., 0], 10) for name, steps in times.items()}
    medians = {name: np.median(steps[..., 0], axis=1) for name, steps in times.items()}
    processor = {name: steps[..., 1].mean() for name, steps in times.items()}
    rows = []
    for name in times:
        of_rounds = medians[name] / medians[REFERENCE]
        values = {
            "batch_alone_ms": 1e3 * alone[name][0],
            "batch_alone_processor_ms": 1e3 * alone[name][1],
            "step_ms": 1e3 * np.median(times[name][..., 0]),
            "step_ms_tenth_percentile": 1e3 * quick[name],
            "step_processor_ms": 1e3 * processor[name],
            "step_ratio": np.median(of_rounds),
            "step_ratio_min": of_rounds.min(),
            "step_ratio_max": of_rounds.max(),
            "step_ratio_tenth_percentile": quick[name] / quick[REFERENCE],
            "step_processor_ratio": processor[name] / processor[REFERENCE],
        }
        rows.append({"pipeline": name, **{key: round(float(v), 3) for key, v in values.items()}})
    return rows
