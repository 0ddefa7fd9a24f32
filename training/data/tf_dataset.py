"""Batches as a tf.data.Dataset, which the strategies of tf.distribute need."""

import tensorflow as tf


def as_tf_dataset(batches) -> tf.data.Dataset:
    """Returns batches as a `tf.data.Dataset`.

    Args:
        batches: an iterable of tuples of arrays, of as many rows and of one size each.
    """
    first = next(iter(batches))
    signature = tf.nest.map_structure(lambda array: tf.TensorSpec(array.shape, array.dtype), first)
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    return dataset.prefetch(1).with_options(fixed_parallelism())


def fixed_parallelism() -> tf.data.Options:
    """Returns options without tuning, for which every fit() would wait at its end.

    The thread that tunes sleeps twice as long every time, up to a minute, and an iterator does not
    go before it has woken: 13 s of training took 20 s.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options
