"""Batches without TensorFlow: Pillow cuts and resizes in threads, NumPy does the rest."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from PIL import Image

from training.data.augment import BatchAugmentation
from training.data.order import Order
from training.data.source import BROKEN, Source
from training.recipe import Recipe

ATTEMPTS = 10
LOG_ASPECT_RATIO = np.log((3 / 4, 4 / 3))


class Batches(keras.utils.PyDataset):
    """Batches made in threads, a few ahead of the one that is asked for.

    Args:
        make: function from a number to the batch of this number.
        count: int, how many there are.
    """

    def __init__(self, make: Callable[[int], tuple], count: int):
        # Keras's own threads begin anew with every epoch, at the first batch
        super().__init__(workers=1)
        self.make = make
        self.count = count
        self.threads = os.cpu_count()
        self.pool = ThreadPoolExecutor(self.threads)
        self.pending = {}

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index >= self.count:
            raise IndexError(index)
        ahead = range(index, min(index + self.threads + 1, self.count))
        self.pending = {i: self.pending.get(i) or self.pool.submit(self.make, i) for i in ahead}
        return self.pending[index].result()


def train_batches(source: Source, recipe: Recipe, order: Order, steps: range, size: int) -> Batches:
    """Returns the batches of some steps of the training, as `tf_input.train_dataset` does.

    The examples and their order are the same as there; the random cuts are not, nor is all mixing.

    Raises:
        ValueError: if the recipe asks for RandAugment.
    """
    if recipe.rand_augment:
        raise ValueError(
            "RandAugment needs tf.data: install tensorflow, or pass --set=rand_augment=None. "
            f"Received: rand_augment={recipe.rand_augment}"
        )
    augment = BatchAugmentation(recipe, in_tf_data=False)
    seed_dtype = keras.random.SeedGenerator(0).state.dtype

    def make(number):
        step = steps[number]
        indices, positions = order.indices(step), order.positions(step)
        images, labels = np.zeros((len(indices), size, size, 3), "float32"), source.labels[indices]
        readable = np.ones(len(indices), "float32")
        for row, (index, position) in enumerate(zip(indices, positions, strict=True)):
            # every example of every epoch has a position, and so a seed, of its own
            random = np.random.default_rng([order.seed, position])
            image = _open(source, index)
            if image is None:
                readable[row] = 0
            else:
                images[row] = _random_view(image, random, recipe, size)
        labels = _one_hot(labels, source) * readable[:, None]
        seed = keras.ops.convert_to_tensor([order.seed, step], seed_dtype)
        return augment(_normalize(images, recipe), labels, seed)

    return Batches(make, len(steps))


def eval_batches(source: Source, recipe: Recipe, batch_size: int, size: int) -> Batches:
    """Returns all pictures once, in order, as `tf_input.eval_dataset` does."""
    keys = list(source.eval_keys(batch_size, slice(None)))

    def make(number):
        weights, indices, labels = keys[number]
        images, weights = np.zeros((batch_size, size, size, 3), "float32"), weights.copy()
        for row, index in enumerate(indices):
            image = _open(source, index)
            if image is None:
                weights[row] = 0
            else:
                images[row] = _central_view(image, recipe.eval_crop, size)
        return _normalize(images, recipe), _one_hot(labels, source), weights

    return Batches(make, len(keys))


def _open(source, index):
    try:
        return Image.fromarray(source.read(index))
    except BROKEN:
        source.note_broken(index)
        return None


def _random_view(image, random, recipe, size):
    if recipe.crop == "padded":
        pad = size // 8
        image = np.pad(_resize(image, size), ((pad, pad), (pad, pad), (0, 0)))
        top, left = random.integers(2 * pad + 1, size=2)
        image = image[top : top + size, left : left + size]
    else:
        box = _random_box(image.size, random, recipe.crop_area)
        # resize() with a box would let the pixels around it in
        image = _resize(image.crop(box), size)
    return image[:, ::-1] if recipe.flip and random.random() < 0.5 else image


def _random_box(sides, random, areas):
    """Returns left, top, right and bottom of a box of random area, shape and place."""
    width, height = sides
    for _ in range(ATTEMPTS):
        area = width * height * random.uniform(*areas)
        ratio = np.exp(random.uniform(*LOG_ASPECT_RATIO))
        w, h = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = random.integers(width - w + 1), random.integers(height - h + 1)
            return left, top, left + w, top + h
    return 0, 0, width, height


def _central_view(image, share, size):
    side = round(share * min(image.size))
    left, top = ((length - side) // 2 for length in image.size)
    return _resize(image.crop((left, top, left + side, top + side)), size)


def _resize(image, size):
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _one_hot(labels, source):
    return np.eye(len(source.class_names), dtype="float32")[labels]


def _normalize(images, recipe):
    return (images - np.float32(recipe.mean)) / np.float32(recipe.std)
