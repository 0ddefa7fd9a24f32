"""Augmentation by Keras's layers: RandAugment of pictures; erasing, mixup and cutmix of batches.

Left to themselves the layers count how often they were called, which no restart and no other number
of threads repeats; here they draw from a seed that is given.
"""

import keras

from training.recipe import Recipe

GREY = {"fill_mode": "constant", "fill_value": 128.0}


class GivenSeed(keras.random.SeedGenerator):
    """Hands out one seed after the other, all derived from one that is given.

    Args:
        seed: integer tensor of shape `(2,)` of the backend in use.
    """

    def __init__(self, seed):
        # the base class would make a variable to count with
        self._seed = seed
        self._drawn = 0

    def next(self, ordered=True):
        self._drawn += 1
        return self._seed + 7919 * self._drawn


class RandAugment:
    """Does a number of operations, drawn at random, to a picture.

    Keras's RandAugment does the same operations to a whole batch, and computes all there are to
    choose from: measured, 15 times the work.

    Args:
        operations: int, how many follow each other.
        magnitude: float in 0 to 1, where 1 is the strongest of the paper.

    Reference:
        RandAugment: Practical Automated Data Augmentation with a Reduced Search Space, NeurIPS
        2020 (https://arxiv.org/abs/1909.13719).
    """

    def __init__(self, operations: int, magnitude: float):
        self.operations = operations
        layers, most = keras.layers, 0.9 * magnitude
        self.layers = [
            layers.RandomRotation(30 / 360 * magnitude, **GREY),
            layers.RandomShear(0.3 * magnitude, 0.0, **GREY),
            layers.RandomShear(0.0, 0.3 * magnitude, **GREY),
            layers.RandomTranslation(0.0, 0.33 * magnitude, **GREY),
            layers.RandomTranslation(0.33 * magnitude, 0.0, **GREY),
            layers.RandomBrightness(most / 2),
            layers.RandomContrast(most),
            layers.RandomColorDegeneration(most),
            # 0.5 leaves a picture as it is, less blurs and more sharpens it
            layers.RandomSharpness((0.5 - most / 2, 0.5 + most / 2)),
            layers.RandomPosterization(8 - round(4 * magnitude)),
            layers.Solarization(threshold_factor=1.0),
            layers.AutoContrast(),
            layers.Equalization(),
        ]

    def __call__(self, image, seed):
        """Augments a picture, float of shape `(height, width, 3)` in 0 to 255, in tf.data."""
        import tensorflow as tf

        for _ in range(self.operations):
            seed = tf.random.fold_in(seed, len(self.layers))
            chosen = tf.random.stateless_uniform((), seed, 0, len(self.layers), tf.int32)
            branches = [
                lambda layer=layer, image=image, seed=seed: tf.ensure_shape(
                    transform(layer, image[None], GivenSeed(seed), in_tf_data=True)[0], image.shape
                )
                for layer in self.layers
            ]
            image = tf.switch_case(chosen, branches)
        return image


class BatchAugmentation:
    """Erases, and mixes pictures with others of their batch, as a recipe says.

    Args:
        recipe: a `Recipe`.
        in_tf_data: bool, whether the batches are those of a tf.data pipeline, whatever the
            backend.
    """

    def __init__(self, recipe: Recipe, in_tf_data: bool):
        self.in_tf_data = in_tf_data
        self.erasing = None
        if recipe.random_erasing:
            probability = (recipe.random_erasing, recipe.random_erasing)
            # the pictures are normalized, so 0 is the mean colour
            self.erasing = keras.layers.RandomErasing(
                probability, fill_value=0.0, value_range=(-10.0, 10.0)
            )
        self.mixing = []
        if recipe.mixup:
            self.mixing.append(keras.layers.MixUp(recipe.mixup))
        if recipe.cutmix:
            self.mixing.append(keras.layers.CutMix((recipe.cutmix, recipe.cutmix)))

    def __call__(self, images, labels, seed):
        """Augments a batch.

        Args:
            images: float tensor of shape `(batch, height, width, 3)`, normalized.
            labels: float tensor of shape `(batch, classes)`.
            seed: integer tensor of shape `(2,)`.
        """
        seed = GivenSeed(seed)
        if self.erasing is not None:
            images = transform(self.erasing, images, seed, self.in_tf_data)
        mixed = [self._mix(layer, images, labels, seed) for layer in self.mixing]
        if len(mixed) < 2:
            return mixed[0] if mixed else (images, labels)
        backend = self.mixing[0].backend
        first = backend.random.uniform((), seed=seed) < 0.5
        return tuple(backend.numpy.where(first, a, b) for a, b in zip(*mixed, strict=True))

    def _mix(self, layer, images, labels, seed):
        if self.in_tf_data:
            layer.backend.set_backend("tensorflow")
        change = layer.get_random_transformation(images, training=True, seed=seed)
        return layer.transform_images(images, change), layer.transform_labels(labels, change)


def transform(layer, images, seed: GivenSeed, in_tf_data: bool):
    """Returns what an augmentation layer makes of images with a given seed."""
    if in_tf_data:
        # inside tf.data the layers compute with TensorFlow, whatever the backend
        layer.backend.set_backend("tensorflow")
    change = layer.get_random_transformation(images, training=True, seed=seed)
    return layer.transform_images(images, change, training=True)
