"""Chooses the range of an int8 tensor from what was seen of its values."""

import numpy as np

BINS = 2048
STEPS = 255


class Histogram:
    """Collects values of a tensor, in two passes over the data.

    The first pass, `observe`, finds the least and the greatest value; the second, `count`, counts
    values between them. Counting takes a regular sample of large tensors.
    """

    MAX_SAMPLE = 1 << 16

    def __init__(self):
        self.minimum = np.inf
        self.maximum = -np.inf
        self.counts = np.zeros(BINS)

    def observe(self, values: np.ndarray) -> None:
        """Widens the range to that of `values`; not finite values make it not finite."""
        self.minimum = min(self.minimum, float(values.min()), key=_nan_first)
        self.maximum = max(self.maximum, float(values.max()), key=_nan_last)

    def count(self, values: np.ndarray) -> None:
        """Counts a sample of `values`."""
        flat = values.reshape(-1)
        sample = flat[:: max(1, len(flat) // self.MAX_SAMPLE)]
        counts, _ = np.histogram(sample, BINS, (self.minimum, self.maximum))
        self.counts += counts

    @property
    def centres(self) -> np.ndarray:
        """The middle of each bin."""
        edges = np.linspace(self.minimum, self.maximum, BINS + 1)
        return (edges[1:] + edges[:-1]) / 2


def _nan_first(value):
    return -np.inf if np.isnan(value) else value


def _nan_last(value):
    return np.inf if np.isnan(value) else value


def minmax(histogram: Histogram) -> tuple[float, float]:
    """Returns the whole range of the values."""
    return histogram.minimum, histogram.maximum


def percentile(histogram: Histogram, percent: float = 99.99) -> tuple[float, float]:
    """Returns the range that leaves out `100 - percent` percent of the values at each end."""
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    outside = 1 - percent / 100
    low = histogram.centres[np.searchsorted(share, outside)]
    high = histogram.centres[np.searchsorted(share, 1 - outside)]
    return float(low), float(high)


def least_squares(histogram: Histogram, candidates: int = 40) -> tuple[float, float]:
    """Returns the range of the least squared error, of rounding and of cutting off together.

    The ends are searched in turn, each among `candidates` shares of the end seen.
    """
    lowest, highest = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    shares = np.linspace(1, 0.2, candidates)
    values, counts = histogram.centres, histogram.counts
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
