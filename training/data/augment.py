"""What is done to whole batches of training pictures: erasing, mixup, cutmix.

The layers are Keras's. Left to themselves they count how often they were called, which no restart
and no other number of threads repeats; here they draw from a seed that is given.
"""

import keras

from training.recipe import Recipe


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
        return self._seed + (7919 * self._drawn)


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

    def __call__(self, images, labels, seed, choice):
        """Augments a batch.

        Args:
            images: float tensor of shape `(batch, height, width, 3)`, normalized.
            labels: float tensor of shape `(batch, classes)`.
            seed: integer tensor of shape `(2,)`.
            choice: tensor or number in 0 to 1 that decides between mixup and cutmix.
        """
        seed = GivenSeed(seed)
        if self.erasing is not None:
            images, _ = self._apply(self.erasing, images, labels, seed)
        if len(self.mixing) == 2:
            first, second = (self._apply(layer, images, labels, seed) for layer in self.mixing)
            ops = self.mixing[0].backend
            images = ops.numpy.where(choice < 0.5, first[0], second[0])
            labels = ops.numpy.where(choice < 0.5, first[1], second[1])
        elif self.mixing:
            images, labels = self._apply(self.mixing[0], images, labels, seed)
        return images, labels

    def _apply(self, layer, images, labels, seed):
        if self.in_tf_data:
            layer.backend.set_backend("tensorflow")
        change = layer.get_random_transformation(images, training=True, seed=seed)
        return (
            layer.transform_images(images, change, training=True),
            layer.transform_labels(labels, change, training=True),
        )
