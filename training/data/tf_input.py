"""Batches by tf.data: read, cut out, resize, mirror, augment, normalize."""

import dataclasses
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from training.data.augment import BatchAugmentation, RandAugment
from training.data.order import Order
from training.data.source import ImageFiles, MemoryImages, Source
from training.recipe import Recipe

ASPECT_RATIO = (3 / 4, 4 / 3)
# at least as many as hide the latency of reading
PARALLEL_CALLS = max(16, os.cpu_count() or 1)
# whole batches at work ahead of the model: each may be of some hundred megabytes
BATCHES_AHEAD = 2
# the class of a picture that cannot be read
NO_CLASS = -1
# what the seeds of pictures and of batches are told apart by
OPERATIONS, BATCH = 1, 2


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture that is opened, but perhaps not decoded yet.

    Attributes:
        height, width: int tensors.
        cut: function from top, left, height and width to these pixels, uint8.
    """

    height: tf.Tensor
    width: tf.Tensor
    cut: Callable


def train_dataset(
    source: Source, recipe: Recipe, order: Order, steps: range, size: int, worker=0, workers=1
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
    augment_image = RandAugment(*recipe.rand_augment) if recipe.rand_augment else None
    augment_batch = BatchAugmentation(recipe, in_tf_data=True)

    def seed_of(position):
        # every example of every epoch has a position, and so a seed, of its own
        return tf.stack([tf.constant(order.seed, tf.int64), position])

    def view(picture, position):
        seed = seed_of(position)
        image = _random_view(picture, seed, recipe, size)
        if augment_image is None:
            return image
        return augment_image(image, tf.random.fold_in(seed, OPERATIONS))

    def finish(images, labels, positions):
        labels = tf.one_hot(labels, len(source.class_names))
        seed = tf.random.fold_in(seed_of(positions[0]), BATCH)
        return augment_batch(_normalize(images, recipe), labels, seed)

    rows = _rows(order.batch_size, worker, workers)
    keys = _examples(lambda: source.train_keys(order, steps, rows), source, "int64")
    return _batches(_read(keys, source, view, size), rows, finish)


def eval_dataset(
    source: Source, recipe: Recipe, batch_size: int, size: int, worker=0, workers=1
) -> tf.data.Dataset:
    """Returns all pictures in order, over and over: one round is `source.batches(batch_size)`.

    Returns:
        A data set of normalized float32 images, float32 labels and float32 weights. The last batch
        is filled up with examples of weight 0, which pictures that cannot be read have too.
    """

    def view(picture, weight):
        return _central_view(picture, recipe.eval_crop, size)

    def finish(images, labels, weights):
        weights = tf.where(labels == NO_CLASS, 0.0, weights)
        return _normalize(images, recipe), tf.one_hot(labels, len(source.class_names)), weights

    rows = _rows(batch_size, worker, workers)
    keys = _examples(lambda: source.eval_keys(batch_size, rows), source, "float32")
    return _batches(_read(keys, source, view, size), rows, finish).repeat()


def _rows(batch_size, worker, workers):
    if batch_size % workers:
        raise ValueError(
            "Every worker must get as many examples of a batch. Received: "
            f"batch_size={batch_size}, workers={workers}"
        )
    rows = batch_size // workers
    return slice(worker * rows, (worker + 1) * rows)


def _examples(generate, source, tag_type):
    """Returns single examples: a tag, the key of the picture, its class."""
    signature = tuple(tf.TensorSpec((None,), t) for t in (tag_type, source.key_dtype, "int64"))
    return tf.data.Dataset.from_generator(generate, output_signature=signature).unbatch()


def _batches(examples, rows, finish):
    batches = examples.batch(rows.stop - rows.start, drop_remainder=True)
    batches = batches.map(finish, BATCHES_AHEAD, deterministic=True)
    return batches.prefetch(BATCHES_AHEAD).with_options(fixed_parallelism())


def fixed_parallelism() -> tf.data.Options:
    """Returns options without tuning, for which every fit() would wait at its end.

    The thread that tunes sleeps twice as long every time, up to a minute, and an iterator does not
    go before it has woken: 13 s of training took 20 s.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _read(examples, source, view, size):
    """Opens the pictures of examples, and takes a view of each, of `size` pixels either way."""
    open_picture = _opener(source)

    def read(tag, key, label):
        return view(open_picture(key), tag), label, tag

    if isinstance(source, MemoryImages):
        return examples.map(read, PARALLEL_CALLS, deterministic=True)

    def blank(tag, key, label):
        note = tf.numpy_function(lambda key: np.int64(source.note_broken(key)), [key], tf.int64)
        with tf.control_dependencies([note]):
            return tf.zeros((size, size, 3)), tf.constant(NO_CLASS, tf.int64), tag

    def read_or_blank(*example):
        example = tf.data.Dataset.from_tensors(example)
        return example.map(read).ignore_errors().concatenate(example.map(blank)).take(1)

    # reading a data set of one example keeps an error to this example
    return examples.interleave(
        read_or_blank, PARALLEL_CALLS, num_parallel_calls=PARALLEL_CALLS, deterministic=True
    )


def _opener(source):
    """Returns a function from a key to a `Picture`."""
    if isinstance(source, MemoryImages):
        return _memory_opener(source)
    if isinstance(source, ImageFiles):
        paths = tf.constant(source.paths)
        return lambda index: _encoded_picture(tf.io.read_file(paths[index]))
    return _encoded_picture


def _memory_opener(source):
    # TensorFlow holds the pictures once, however many data sets and parts read them
    if "tensor" not in source.shared:
        source.shared["tensor"] = tf.constant(source.pixels)
    pixels = source.shared["tensor"]
    offsets, shapes = tf.constant(source.offsets), tf.constant(source.shapes)

    def open_picture(index):
        shape = shapes[index]
        image = tf.slice(pixels, [offsets[index]], [tf.reduce_prod(shape)])
        return _decoded_picture(tf.reshape(image, shape))

    return open_picture


def _decoded_picture(image):
    def cut(top, left, height, width):
        return tf.slice(image, [top, left, 0], [height, width, 3])

    return Picture(tf.shape(image)[0], tf.shape(image)[1], cut)


def _encoded_picture(content):
    def decode():
        return tf.io.decode_image(content, channels=3, expand_animations=False)

    def cut(top, left, height, width):
        return tf.cond(
            is_jpeg,
            # decodes no more of the picture than it has to
            lambda: tf.image.decode_and_crop_jpeg(
                content, [top, left, height, width], channels=3, dct_method="INTEGER_ACCURATE"
            ),
            lambda: _decoded_picture(decode()).cut(top, left, height, width),
        )

    is_jpeg = tf.io.is_jpeg(content)
    shape = tf.cond(is_jpeg, lambda: tf.io.extract_jpeg_shape(content), lambda: tf.shape(decode()))
    return Picture(shape[0], shape[1], cut)


def _random_view(picture, seed, recipe, size):
    if recipe.crop == "padded":
        image = _resize(picture.cut(0, 0, picture.height, picture.width), size)
        pad = size // 8
        image = tf.pad(image, [[pad, pad], [pad, pad], [0, 0]])
        image = tf.image.stateless_random_crop(image, (size, size, 3), seed)
    else:
        begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.stack([picture.height, picture.width, 3]),
            tf.zeros((1, 0, 4)),
            seed=seed,
            min_object_covered=0.0,
            aspect_ratio_range=ASPECT_RATIO,
            area_range=recipe.crop_area,
            max_attempts=10,
            use_image_if_no_bounding_boxes=True,
        )
        image = _resize(picture.cut(begin[0], begin[1], extent[0], extent[1]), size)
    return tf.image.stateless_random_flip_left_right(image, seed) if recipe.flip else image


def _central_view(picture, share, size):
    side = tf.cast(tf.minimum(picture.height, picture.width), tf.float32)
    side = tf.cast(tf.round(share * side), tf.int32)
    top, left = (picture.height - side) // 2, (picture.width - side) // 2
    return _resize(picture.cut(top, left, side, side), size)


def _resize(image, size):
    image = tf.image.resize(image, (size, size), antialias=True)
    return tf.ensure_shape(image, (size, size, 3))


def _normalize(images, recipe):
    return (images - tf.constant(recipe.mean)) / tf.constant(recipe.std)
