"""The pictures of a run."""

import dataclasses
import hashlib

from training.data.batches import eval_batches, train_batches
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
    """Returns the pictures of one split, of TFDS or of a folder, as the recipe's task takes them.

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
    return recipe.load_source(kind, data_dir, cache_gb, download, verbose)


def load_classes(
    recipe: Recipe, kind: str, data_dir: str | None, cache_gb: float, download: bool, verbose: int
) -> Source:
    """Returns the pictures of one split with a class each; the arguments are `load_source`'s."""
    from training.data.tfds import is_prepared_folder, load_tfds

    split = recipe.train_split if kind == "train" else recipe.eval_split
    if recipe.dataset is None and data_dir is None:
        raise ValueError(
            "Name a folder of pictures (--data_dir=...) or a data set of TFDS "
            "(--set=dataset=...). Received: neither"
        )
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
        choose_source: the pictures held out of the training, which choose the best checkpoint;
            `None` if the recipe holds out none.
    """

    train_source: Source
    eval_source: Source
    recipe: Recipe
    order: Order
    devices: Devices
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
        return self.devices.distribute(
            lambda worker, workers: train_batches(
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

        The same pictures have the same fingerprint in memory, in files, and in another folder. Of
        a data set of TFDS other ones are held out in memory than in files.
        """
        prints = {
            "train": self.train_source.fingerprint(),
            "eval": self.eval_source.fingerprint(),
        }
        if self.choose_source is not None:
            prints["held_out"] = hashlib.sha256(self.choose_source.indices.tobytes()).hexdigest()
        return prints

    def _in_order(self, source):
        batch_size = self.order.batch_size
        return self.devices.distribute(
            lambda worker, workers: eval_batches(source, self.recipe, batch_size, worker, workers),
            batch_size,
        )


def load_data(recipe: Recipe, data_dir: str, seed: int = 0) -> Data:
    """Returns the pictures of a recipe on one device, for a study.

    Args:
        recipe: a `Recipe`.
        data_dir: where the pictures are, see `load_source`.
        seed: int, of order and augmentation.
    """
    sources = [load_source(recipe, kind, data_dir, verbose=0) for kind in ("train", "eval")]
    return make_data(*sources, recipe, seed)


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
    return Data(train_source, eval_source, recipe, order, devices or Devices(), choose_source)
