"""The pictures of a run."""

import dataclasses

from training.data.folder import load_folder
from training.data.order import Order
from training.data.source import Source
from training.distribution import Devices
from training.recipe import Recipe


def load_source(
    recipe: Recipe,
    kind: str,
    data_dir: str | None,
    cache_gb: float = 4.0,
    download: bool = False,
    verbose: int = 1,
) -> Source:
    """Returns the pictures of one split: of TFDS, or of a folder.

    Args:
        recipe: a `Recipe`, which may name a data set of TFDS and its splits.
        kind: `"train"` or `"eval"`.
        data_dir: folder of pictures, of a prepared data set, or of all data sets of TFDS.
        cache_gb: float, how much memory decoded pictures may take.
        download: bool, whether TFDS may download what is not there.
        verbose: 0 for silence, 1 for a progress bar.

    Returns:
        A `Source`.
    """
    from training.data.tfds import is_prepared_folder, load_tfds

    split = recipe.train_split if kind == "train" else recipe.eval_split
    if recipe.dataset is None and data_dir is None:
        raise ValueError("Name a folder of pictures, --data_dir, or a data set of TFDS, --dataset.")
    if recipe.dataset is not None or is_prepared_folder(data_dir):
        return load_tfds(recipe.dataset, data_dir, kind, split, cache_gb, download)
    return load_folder(data_dir, kind, split, cache_gb, verbose)


@dataclasses.dataclass(frozen=True)
class Data:
    """The pictures of a run, as batches.

    Attributes:
        train_source, eval_source: the pictures.
        recipe: a `Recipe`.
        order: which examples make up a step.
        devices: the `Devices` that share every batch.
        tensorflow: bool, whether tf.data makes the batches, or NumPy and Pillow.
    """

    train_source: Source
    eval_source: Source
    recipe: Recipe
    order: Order
    devices: Devices
    tensorflow: bool = True

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.train_source.class_names)

    def train(self, steps: range, size: int):
        """Returns the batches of some steps of the training, of pictures of one size."""
        source, recipe, order = self.train_source, self.recipe, self.order
        if not self.tensorflow:
            from training.data.numpy_input import train_batches

            return train_batches(source, recipe, order, steps, size)
        from training.data.tf_input import train_dataset

        return self.devices.distribute(
            lambda worker, workers: train_dataset(
                source, recipe, order, steps, size, worker, workers
            ),
            order.batch_size,
        )

    @property
    def eval_steps(self) -> int:
        """How many batches `eval()` has, which may go on with the first after the last."""
        return self.eval_source.batches(self.order.batch_size)

    def eval(self):
        """Returns the batches of the evaluation, see `eval_steps`."""
        source, recipe, batch_size = self.eval_source, self.recipe, self.order.batch_size
        if not self.tensorflow:
            from training.data.numpy_input import eval_batches

            return eval_batches(source, recipe, batch_size, recipe.image_size)
        from training.data.tf_input import eval_dataset

        return self.devices.distribute(
            lambda worker, workers: eval_dataset(
                source, recipe, batch_size, recipe.image_size, worker, workers
            ),
            batch_size,
        )
