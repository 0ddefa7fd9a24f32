"""The random numbers of training: one stream for every purpose, in it a place for every example.

A number depends on the seed of the run, on the name of what it decides, and on the position of the
example since the beginning of the training; on nothing else. So streams are independent of each
other, a run can be resumed at any step, and threads change nothing. Nor do workers, but for mixup
and cutmix: these mix images of one process, so they depend on the number of workers.
"""

import zlib

import numpy as np

# what one counter of Philox gives
NUMBERS_PER_COUNT = 4


class Draws:
    """The random numbers of consecutive examples.

    Args:
        seed: int, of the run.
        first: int, position of the first example.
        count: int, how many examples there are.

    Reference:
        Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011: Philox, a generator whose state is a
        key and a counter.
    """

    def __init__(self, seed: int, first: int, count: int):
        self.seed = seed
        self.first = int(first)
        self.count = count

    def uniform(self, name: str, numbers: int | None = None) -> np.ndarray:
        """Returns numbers in [0, 1) of each example.

        Args:
            name: str, what they decide. Every decision has a name of its own.
            numbers: optional int, how many each example gets. Defaults to one, without an axis.

        Returns:
            An array of shape `(count,)` or `(count, numbers)`.
        """
        blocks = -(-(numbers or 1) // NUMBERS_PER_COUNT)
        generator = self._generator(name, self.first * blocks)
        drawn = generator.random((self.count, blocks * NUMBERS_PER_COUNT))
        return drawn[:, 0] if numbers is None else drawn[:, :numbers]

    def generator(self, name: str) -> np.random.Generator:
        """Returns a generator for what is decided of all these examples together."""
        # as far from that of the next examples as no one ever draws
        return self._generator(name, self.first << 64)

    def _generator(self, name, counter):
        key = [self.seed % 2**64, zlib.crc32(name.encode())]
        return np.random.Generator(np.random.Philox(counter=counter, key=key))
