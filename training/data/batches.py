"""The batches of training and evaluation, made by grain in threads, whatever the backend."""

import grain
import numpy as np

from training.data.draws import Draws
from training.data.order import Order
from training.data.source import Source
from training.recipe import Recipe

# of what the batches are, for the seed given: a run does not go on with those of another version
VERSION = 1
# each makes a batch of its own; as many as hide the latency of reading, and more than two were
# faster on two cores: results/input_pipelines.csv
THREADS = 16
# of whole batches at work ahead of the model, each of which may be of some hundred megabytes
BYTES_AHEAD = 2**30


def train_batches(
    source: Source, recipe: Recipe, order: Order, steps: range, size: int, worker=0, workers=1
) -> grain.IterDataset:
    """Returns the batches of some steps of the training.

    Args:
        source: the training pictures.
        recipe: a `Recipe`.
        order: which examples make up a step.
        steps: range of steps.
        size: int, height and width of the batches.
        worker, workers: int, this process and how many there are: each takes its rows of every
            batch.

    Returns:
        A dataset of normalized float32 images and float32 targets, see the recipe's task; those of
        a classifier have one column per class. In place of a picture that cannot be read stands the
        next that can.
    """
    batches = by_step(source, recipe, order, steps, size, worker, workers)
    return batches.to_iter_dataset(_read_options(order.batch_size // workers, size))


def by_step(
    source: Source, recipe: Recipe, order: Order, steps: range, size: int, worker=0, workers=1
) -> grain.MapDataset:
    """Returns the batches of `train_batches`, each of which is made when it is asked for."""
    rows = _rows(order.batch_size, worker, workers)

    def make(step):
        positions = order.positions(step)[rows]
        examples = [source.readable(index) for index in order.indices(step)[rows]]
        pictures, labels = zip(*examples, strict=True)
        draws = Draws(order.seed, positions[0], len(positions))
        return recipe.task.train_batch(recipe, source, pictures, labels, size, draws)

    return grain.MapDataset.range(steps.start, steps.stop).map(make)


def eval_batches(
    source: Source, recipe: Recipe, batch_size: int, worker=0, workers=1
) -> grain.IterDataset:
    """Returns all pictures in order, over and over: one round is `source.batches(batch_size)`.

    Returns:
        A dataset of normalized float32 images, float32 targets and float32 weights. The last batch
        is filled up with examples of weight 0, which pictures that cannot be read have too.
    """
    rows = _rows(batch_size, worker, workers)
    size = recipe.image_size
    preprocessing = recipe.preprocessing(size, size)

    def make(number):
        indices = np.arange(number * batch_size, (number + 1) * batch_size)[rows]
        pixels = np.zeros((len(indices), size, size, 3), "uint8")
        labels, readable = [recipe.task.no_label] * len(indices), np.zeros(len(indices), bool)
        for row, index in enumerate(indices):
            if index < len(source) and (example := source.example(index)) is not None:
                picture, labels[row] = example
                pixels[row], readable[row] = preprocessing.pixels(picture), True
        weights = np.where(readable, source.weight(batch_size), 0).astype("float32")
        targets = recipe.task.targets(recipe, source, labels, size)
        return preprocessing.normalized(pixels), targets, weights

    batches = grain.MapDataset.range(source.batches(batch_size)).map(make)
    return batches.repeat().to_iter_dataset(_read_options(batch_size // workers, size))


def _read_options(rows, size):
    ahead = min(THREADS + 1, max(2, BYTES_AHEAD // (rows * size * size * 3 * 4)))
    return grain.ReadOptions(num_threads=min(THREADS, ahead), prefetch_buffer_size=ahead)


def _rows(batch_size, worker, workers):
    if batch_size % workers:
        raise ValueError(
            "Every worker must get as many examples of a batch. Received: "
            f"batch_size={batch_size}, workers={workers}"
        )
    rows = batch_size // workers
    return slice(worker * rows, (worker + 1) * rows)
