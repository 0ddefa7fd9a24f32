"""The pictures of a run."""

import dataclasses
from importlib.util import find_spec

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


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed, so that tf.data can make the batches."""
    return find_spec("tensorflow") is not None


def eval_batches(
    source: Source,
    recipe: Recipe,
    batch_size: int,
    devices: Devices | None = None,
    tensorflow: bool | None = None,
):
    """Returns the pictures of a source as evaluation sees them: images, labels and weights.

    Args:
        source: the pictures.
        recipe: a `Recipe`.
        batch_size: int, over all devices.
        devices: the `Devices` that share every batch. Defaults to the one of this process.
        tensorflow: bool, whether tf.data makes the batches, or NumPy and Pillow. Defaults to
            tf.data if it is there.

    Returns:
        An iterable of batches. All pictures are in the first `source.batches(batch_size)`, after
        which it may begin anew; what fills up the last of them has weight 0.
    """
    size = recipe.image_size
    if not (has_tensorflow() if tensorflow is None else tensorflow):
        from training.data import numpy_input

        return numpy_input.eval_batches(source, recipe, batch_size, size)
    from training.data.tf_input import eval_dataset

    return (devices or Devices()).distribute(
        lambda worker, workers: eval_dataset(source, recipe, batch_size, size, worker, workers),
        batch_size,
    )


@dataclasses.dataclass(frozen=True)
class Data:
    """The pictures of a run, as batches.

    Attributes:
        train_source, eval_source: the pictures.
        recipe: a `Recipe`.
        order: which examples make up a step.
        devices: the `Devices` that share every batch.
        tensorflow: bool, whether tf.data makes the batches, or NumPy and Pillow.
        choose_source: the pictures held out of the training, which choose the best checkpoint;
            `None` if the recipe holds out none.
    """

    train_source: Source
    eval_source: Source
    recipe: Recipe
    order: Order
    devices: Devices
    tensorflow: bool = True
    choose_source: Source | None = None

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.train_source.class_names)

    @property
    def class_names(self) -> list[str]:
        """The names of the classes, in the order of the model's outputs."""
        return self.train_source.class_names

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
        return self._in_order(self.eval_source)

    @property
    def choose_steps(self) -> int:
        """How many batches `choose()` has, which may go on with the first after the last."""
        return self.choose_source.batches(self.order.batch_size)

    def choose(self):
        """Returns the batches that choose the best checkpoint, seen as evaluation sees them.

        They are of pictures held out of the training; see `choose_steps`.
        """
        return self._in_order(self.choose_source)

    def fingerprint(self) -> dict:
        """Returns what tells these pictures from others, fit for JSON.

        The same pictures have the same fingerprint in memory, in files, and in another folder.
        """
        return {
            "train": self.train_source.fingerprint(),
            "eval": self.eval_source.fingerprint(),
        }

    def _in_order(self, source):
        return eval_batches(
            source, self.recipe, self.order.batch_size, self.devices, self.tensorflow
        )


def make_data(
    train_source: Source,
    eval_source: Source,
    recipe: Recipe,
    seed: int,
    parts: int = 1,
    devices: Devices | None = None,
) -> Data:
    """Returns the pictures of a run, of which some are held out to choose the best checkpoint.

    Args:
        train_source, eval_source: the pictures.
        recipe: a `Recipe`.
        seed: int, of order and augmentation.
        parts: int, how many steps share an update, each with its part of the batch.
        devices: the `Devices` that share every batch. Defaults to the one of this process.

    Raises:
        ValueError: if the two sources are of different classes, or too small.
    """
    if train_source.class_names != eval_source.class_names:
        raise ValueError(
            "The two splits must have the same classes. Received: "
            f"{train_source.class_names[:20]} and {eval_source.class_names[:20]}"
        )
    choose_source = None
    if recipe.minival:
        train_source, choose_source = train_source.hold_out(recipe.minival)
    order = Order(len(train_source), recipe.batch_size, seed, parts)
    return Data(
        train_source,
        eval_source,
        recipe,
        order,
        devices or Devices(),
        has_tensorflow(),
        choose_source,
    )
