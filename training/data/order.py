"""The order in which training sees the examples: a function of the seed and the step alone.

So a run can be resumed at any step, on any number of workers, and sees the examples that it would
have seen. mixup and cutmix mix images of one process, so they depend on the number of workers.
"""

import numpy as np


class Order:
    """Which examples make up the batch of a step.

    Every epoch goes through the examples in an order of its own and leaves out what does not fill
    a batch.

    Args:
        examples: int, how many there are.
        batch_size: int, how many an update takes, over all workers.
        seed: int.
        parts: int, how many steps share an update, each with its part of the batch.

    Attributes:
        batch_size: int, how many examples a step takes.
        steps_per_epoch: int.

    Raises:
        ValueError: if there are not enough examples for one batch, or it cannot be parted.
    """

    def __init__(self, examples: int, batch_size: int, seed: int, parts: int = 1):
        if examples < batch_size:
            raise ValueError(
                "The batch is larger than the data set. Received: "
                f"batch_size={batch_size}, {examples} examples"
            )
        if batch_size % parts:
            raise ValueError(
                "The batch cannot be parted evenly. Received: "
                f"batch_size={batch_size}, parts={parts}"
            )
        self.examples = examples
        self.batch_size = batch_size // parts
        self.seed = seed
        self.steps_per_epoch = examples // batch_size * parts
        self._of_epoch = None, None

    def indices(self, step: int) -> np.ndarray:
        """Returns the indices of the examples of a step, an int64 array."""
        epoch, step = divmod(step, self.steps_per_epoch)
        known, permutation = self._of_epoch
        if epoch != known:
            permutation = np.random.default_rng([self.seed, epoch]).permutation(self.examples)
            self._of_epoch = epoch, permutation
        return permutation[step * self.batch_size :][: self.batch_size]

    def positions(self, step: int) -> np.ndarray:
        """Returns how many examples came before each one of a step, an int64 array."""
        return np.arange(step * self.batch_size, (step + 1) * self.batch_size)
