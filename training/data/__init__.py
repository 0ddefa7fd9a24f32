"""The pictures: where they come from, and the batches that training and evaluation see."""

import dataclasses

from training.data.order import Order
from training.data.source import Source
from training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Data:
    """The pictures of a run, as batches.

    Attributes:
        train_source, eval_source: the pictures.
        recipe: a `Recipe`.
        order: which examples make up a step.
        worker, workers: int, this process and how many there are.
    """

    train_source: Source
    eval_source: Source
    recipe: Recipe
    order: Order
    worker: int = 0
    workers: int = 1

    def train(self, steps: range, size: int):
        """Returns the batches of some steps of the training, of pictures of one size."""
        from training.data.tf_input import train_dataset

        return train_dataset(
            self.train_source, self.recipe, self.order, steps, size, self.worker, self.workers
        )

    def eval(self):
        """Returns the batches of the evaluation."""
        from training.data.tf_input import eval_dataset

        return eval_dataset(
            self.eval_source,
            self.recipe,
            self.order.batch_size,
            self.recipe.image_size,
            self.worker,
            self.workers,
        )
