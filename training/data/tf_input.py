"""Batches by tf.data: read, cut out, resize, mirror, normalize, augment."""

import math

import numpy as np
import tensorflow as tf

from training.data.augment import BatchAugmentation
from training.data.order import Order
from training.data.source import MemoryImages, Source
from training.recipe import Recipe

ASPECT_RATIO = (3 / 4, 4 / 3)


def train_dataset(
    source: Source,
    recipe: Recipe,
    order: Order,
    steps: range,
    size: int,
    worker: int = 0,
    workers: int = 1,
) -> tf.data.Dataset:
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
        A data set of normalized float32 images and float32 labels, one column per class.
    """
    rows = order.batch_size // workers
    ours = slice(worker * rows, (worker + 1) * rows)

    def examples():
        for step in steps:
            first = step * order.batch_size + ours.start
            yield np.arange(first, first + rows), order.indices(step)[ours]

    signature = tf.TensorSpec((rows,), tf.int64)
    dataset = tf.data.Dataset.from_generator(examples, output_signature=(signature, signature))
    open_image = _opener(source)
    labels = tf.constant(source.labels)
    classes = len(source.class_names)

    def example(position, index):
        # every example of every epoch draws from a seed of its own
        seed = tf.stack([np.int64(order.seed), position])
        image = _random_view(*open_image(index), seed, recipe, size)
        return _normalize(image, recipe), tf.one_hot(labels[index], classes)

    dataset = dataset.unbatch().map(example, tf.data.AUTOTUNE, deterministic=True)
    dataset = dataset.batch(rows, drop_remainder=True)
    if recipe.random_erasing or recipe.mixup or recipe.cutmix:
        augmentation = BatchAugmentation(recipe, in_tf_data=True)

        def augment(batch, data):
            # the positions count up from 0, the batches down from -1
            seed = tf.stack([np.int64(order.seed), -1 - (batch * workers + worker)])
            choice = tf.random.stateless_uniform((), tf.stack([seed[1], seed[0]]))
            return augmentation(*data, seed, choice)

        dataset = dataset.enumerate(steps.start)
        dataset = dataset.map(augment, tf.data.AUTOTUNE, deterministic=True)
    return dataset.prefetch(tf.data.AUTOTUNE)


def eval_dataset(
    source: Source, recipe: Recipe, batch_size: int, size: int, worker: int = 0, workers: int = 1
) -> tf.data.Dataset:
    """Returns all pictures once, in order.

    Returns:
        A data set of normalized float32 images, float32 labels and float32 weights. The last batch
        is filled up with examples of weight 0.
    """
    rows = batch_size // workers
    steps = math.ceil(len(source) / batch_size)
    indices = np.arange(steps * batch_size)
    weights = (indices < len(source)).astype("float32")
    indices = np.minimum(indices, len(source) - 1)
    ours = [
        values.reshape(steps, workers, rows)[:, worker].ravel() for values in (indices, weights)
    ]
    open_image = _opener(source)
    labels = tf.constant(source.labels)

    def example(index, weight):
        image = _central_view(*open_image(index), recipe.eval_crop, size)
        label = tf.one_hot(labels[index], len(source.class_names))
        return _normalize(image, recipe), label, weight

    dataset = tf.data.Dataset.from_tensor_slices(tuple(ours))
    dataset = dataset.map(example, tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(rows, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _opener(source):
    """Returns a function from an index to the height, the width and a cutter of a picture."""
    return _memory_opener(source) if isinstance(source, MemoryImages) else _file_opener(source)


def _memory_opener(source):
    pixels = tf.constant(source.pixels)
    offsets, shapes = tf.constant(source.offsets), tf.constant(source.shapes)

    def open_image(index):
        shape = shapes[index]
        image = tf.slice(pixels, [offsets[index]], [tf.reduce_prod(shape)])
        image = tf.reshape(image, shape)

        def cut(top, left, height, width):
            return tf.slice(image, [top, left, 0], [height, width, 3])

        shape = tf.cast(shape, tf.int32)
        return shape[0], shape[1], cut

    return open_image


def _file_opener(source):
    paths = tf.constant(source.paths)

    def open_image(index):
        image = tf.io.decode_image(tf.io.read_file(paths[index]), 3, expand_animations=False)
        shape = tf.shape(image)

        def cut(top, left, height, width):
            return tf.slice(image, [top, left, 0], [height, width, 3])

        return shape[0], shape[1], cut

    return open_image


def _random_view(height, width, cut, seed, recipe, size):
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.stack([height, width, 3]),
        tf.zeros((1, 0, 4)),
        seed=seed,
        min_object_covered=0.0,
        aspect_ratio_range=ASPECT_RATIO,
        area_range=recipe.crop_area,
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    image = cut(begin[0], begin[1], extent[0], extent[1])
    image = _resize(image, size)
    if recipe.flip:
        image = tf.image.stateless_random_flip_left_right(image, seed)
    return image


def _central_view(height, width, cut, share, size):
    side = tf.cast(tf.round(share * tf.cast(tf.minimum(height, width), tf.float32)), tf.int32)
    return _resize(cut((height - side) // 2, (width - side) // 2, side, side), size)


def _resize(image, size):
    image = tf.image.resize(image, (size, size), antialias=True)
    return tf.ensure_shape(image, (size, size, 3))


def _normalize(image, recipe):
    return (image - tf.constant(recipe.mean)) / tf.constant(recipe.std)
