"""The batches of a plain recipe by tf.data, to compare those that training makes by grain with."""

import tensorflow as tf

from training.data.order import Order
from training.data.source import MemoryImages
from training.data.tf_dataset import fixed_parallelism
from training.recipe import Recipe

PARALLEL_CALLS = 16
BATCHES_AHEAD = 2


def train_batches(
    source: MemoryImages, recipe: Recipe, order: Order, steps: range, size: int
) -> tf.data.Dataset:
    """Returns the batches of some steps: cut out, resized, mirrored and normalized.

    Args:
        source, recipe, order, steps, size: as those of `training.data.batches.train_batches`; the
            recipe mixes nothing.
    """
    pixels = tf.constant(source.pixels)
    offsets, shapes = tf.constant(source.offsets), tf.constant(source.shapes)

    def keys():
        for step in steps:
            indices = order.indices(step)
            yield order.positions(step), indices, source.labels[indices]

    def view(position, index, label):
        shape = shapes[index]
        picture = tf.slice(pixels, [offsets[index]], [tf.reduce_prod(shape)])
        picture = tf.reshape(picture, shape)
        crop, flip = (tf.stack([tf.constant(n, tf.int64), position]) for n in range(2))
        begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
            shape,
            tf.zeros((1, 0, 4)),
            seed=crop,
            min_object_covered=0.0,
            aspect_ratio_range=(3 / 4, 4 / 3),
            area_range=recipe.crop_area,
            max_attempts=10,
            use_image_if_no_bounding_boxes=True,
        )
        picture = tf.slice(picture, begin, tf.concat([extent[:2], [3]], 0))
        image = tf.image.resize(picture, (size, size), antialias=True)
        image = tf.image.stateless_random_flip_left_right(image, flip)
        return tf.ensure_shape(image, (size, size, 3)), label

    def finish(images, labels):
        images = (images - tf.constant(recipe.mean)) / tf.constant(recipe.std)
        return images, tf.one_hot(labels, len(source.class_names))

    signature = tuple(tf.TensorSpec((None,), "int64") for _ in range(3))
    examples = tf.data.Dataset.from_generator(keys, output_signature=signature).unbatch()
    views = examples.map(view, PARALLEL_CALLS, deterministic=True)
    batches = views.batch(order.batch_size).map(finish, BATCHES_AHEAD, deterministic=True)
    return batches.prefetch(BATCHES_AHEAD).with_options(fixed_parallelism())
