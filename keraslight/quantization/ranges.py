"""Chooses the range of an int8 tensor from the values seen in it."""

import numpy as np

BINS = 2048
STEPS = 255


class Histogram:
    """Counts the values of a tensor, in two passes over the data.

    The first pass, `observe`, finds the smallest and the largest value. The second pass, `count`,
    counts values between them. Of a large tensor it counts a random sample.
    """

    MAX_SAMPLE = 1 << 16

    def __init__(self):
        self.minimum = np.inf
        self.maximum = -np.inf
        self.counts = np.zeros(BINS)
        self._random = np.random.default_rng(0)

    def observe(self, values: np.ndarray) -> None:
        """Widens the range to that of `values`. NaN and infinity make it infinite."""
        low, high = (values.min(), values.max()) if np.isfinite(values).all() else (-np.inf, np.inf)
        self.minimum = min(self.minimum, float(low))
        self.maximum = max(self.maximum, float(high))

    def count(self, values: np.ndarray) -> None:
        """Counts `values`, or a random sample of them with the weight of all."""
        sample = values = values.reshape(-1)
        if len(values) > self.MAX_SAMPLE:
            # every channel and position is as likely; a stride would meet some channels only
            sample = values[self._random.integers(len(values), size=self.MAX_SAMPLE)]
        # the edges of the bins of nearly equal values cannot be told apart in single precision
        sample = sample.astype("float64")
        counts, _ = np.histogram(sample, BINS, (self.minimum, self.maximum))
        self.counts += counts * (len(values) / len(sample))

    @property
    def centers(self) -> np.ndarray:
        """The center of each bin."""
        edges = np.linspace(self.minimum, self.maximum, BINS + 1)
        return (edges[1:] + edges[:-1]) / 2


def minmax(histogram: Histogram) -> tuple[float, float]:
    """Returns the whole range of the values."""
    return histogram.minimum, histogram.maximum


def percentile(histogram: Histogram, percent: float = 99.99) -> tuple[float, float]:
    """Returns the range that clips `100 - percent` percent of the values at each end."""
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    outside = 1 - percent / 100
    low = histogram.centers[np.searchsorted(share, outside)]
    high = histogram.centers[np.searchsorted(share, 1 - outside)]
    return float(low), float(high)


def least_squares(histogram: Histogram, candidates: int = 40) -> tuple[float, float]:
    """Returns the range with the least squared error of rounding and clipping together.

    The search alternates between the two ends. It tries `candidates` shares of the end seen.
    """
    lowest, highest = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    shares = np.linspace(1, 0.2, candidates)
    values, counts = histogram.centers, histogram.counts
    low = lowest
    for _ in range(2):
        high = min(highest * shares, key=lambda end: _squared_error(values, counts, low, end))
        low = min(lowest * shares, key=lambda end: _squared_error(values, counts, end, high))
    return float(low), float(high)


def _squared_error(values, counts, low, high):
    step = (high - low) / STEPS
    if step <= 0:
        return np.inf
    zero = np.round(-low / step)
    rounded = (np.clip(np.round(values / step) + zero, 0, STEPS) - zero) * step
    return float(counts @ (rounded - values) ** 2)


METHODS = {"minmax": minmax, "mse": least_squares, "percentile": percentile}
