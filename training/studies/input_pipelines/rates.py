"""Times training with the batches of several pipelines, which take turns."""

import statistics
import time

import grain

from training.data.batches import by_step
from training.data.data import Data
from training.loop import compile_model, jit_mode
from training.optimizer import build_optimizer
from training.studies.input_pipelines import tf_data

REFERENCE = "tf.data"


def in_threads(threads):
    """Returns a pipeline of grain in so many threads, a batch more than that ahead."""

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


def measure(data: Data, size: int, steps: int, rounds: int, pipelines=None) -> list[dict]:
    """Trains by every pipeline in turn, and returns the seconds of a step of every round.

    Args:
        data: the pictures.
        size: int, height and width to train with.
        steps: int, of a turn.
        rounds: int, how many turns each pipeline takes, beside one that is not counted.
        pipelines: dict from a name to a function that makes batches. Defaults to `PIPELINES`.

    Returns:
        A list of dicts from a pipeline to `(seconds, processor seconds)` of a step.
    """
    pipelines = pipelines or PIPELINES
    recipe, order = data.recipe, data.order
    model = recipe.build(data.classes, (None, None, 3))
    optimizer = build_optimizer(recipe, model, order.steps_per_epoch)
    compile_model(model, recipe.label_smoothing, optimizer=optimizer, jit_compile=jit_mode())
    found = []
    for number in range(rounds + 1):
        times = {}
        part = range(number * steps, (number + 1) * steps)
        for name, batches in pipelines.items():
            dataset = batches(data.train_source, recipe, order, part, size)
            start, worked = time.perf_counter(), time.process_time()
            model.fit(dataset, steps_per_epoch=steps, shuffle=False, verbose=0)
            elapsed = time.perf_counter() - start, time.process_time() - worked
            times[name] = tuple(seconds / steps for seconds in elapsed)
        found += [times] if number else []
    return found


def input_alone(data: Data, size: int, steps: int, pipelines=None) -> dict:
    """Returns the seconds and the processor seconds of a batch while nothing is trained."""
    found = {}
    for name, batches in (pipelines or PIPELINES).items():
        made = iter(batches(data.train_source, data.recipe, data.order, range(steps + 1), size))
        next(made)
        start, worked = time.perf_counter(), time.process_time()
        count = sum(1 for _ in made)
        elapsed = time.perf_counter() - start, time.process_time() - worked
        found[name] = tuple(seconds / count for seconds in elapsed)
    return found


def table(alone: dict, rounds: list[dict]) -> list[dict]:
    """Returns a row per pipeline: milliseconds, and ratios to tf.data within a round."""

    def ratios(name, which):
        return [times[name][which] / times[REFERENCE][which] for times in rounds]

    rows = []
    for name in rounds[0]:
        wall, processor = (
            statistics.median(times[name][which] for times in rounds) for which in (0, 1)
        )
        rows.append(
            {
                "pipeline": name,
                "batch_alone_ms": round(1e3 * alone[name][0], 1),
                "batch_alone_processor_ms": round(1e3 * alone[name][1], 1),
                "step_ms": round(1e3 * wall, 1),
                "step_processor_ms": round(1e3 * processor, 1),
                "step_ratio": round(statistics.median(ratios(name, 0)), 3),
                "step_ratio_min": round(min(ratios(name, 0)), 3),
                "step_ratio_max": round(max(ratios(name, 0)), 3),
                "step_processor_ratio": round(statistics.median(ratios(name, 1)), 3),
            }
        )
    return rows
