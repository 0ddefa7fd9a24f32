"""Says in words how the integers of a device differ from those of a runtime."""

import numpy as np

from keraslight.verification.probe import Step

SMALL_SHARE = 0.1
# for a factor, how far the codes may be from it, in steps
TOLERANCE = 1.5


def describe(step: Step, device: np.ndarray, here: np.ndarray) -> str:
    """Returns what is different, and what most likely causes it.

    Args:
        step: the operator, whose inputs are equal on both.
        device: what the device computed.
        here: what the runtime computed here.
    """
    device, here = (np.asarray(x).astype("int64") for x in (device, here))
    difference = device - here
    share = (difference != 0).mean()
    largest = int(np.abs(difference).max())
    head = f"{share:.1%} of its values differ, by up to {largest} steps"
    limits = np.iinfo(step.dtype) if np.issubdtype(step.dtype, np.integer) else None
    if limits is None:
        return head
    inside = (here > limits.min) & (here < limits.max)
    inside &= (device > limits.min) & (device < limits.max)
    if largest == 1 and share < SMALL_SHARE:
        return f"{head}: it rounds in another way"
    only = _channels(difference)
    if only:
        numbers = ", ".join(map(str, only[:5])) + (", ..." if len(only) > 5 else "")
        return f"{head}, in the channels {numbers} only: other weights or biases there"
    offset = _offset(difference[inside])
    if offset:
        return f"{head}, all by {offset:+d}: another zero point or bias"
    clipped = _clipping(step, device, here)
    if clipped:
        return f"{head}, {clipped}"
    factor = _factor(step, device, here, inside)
    if factor is not None:
        return f"{head}, all by the factor {factor:.3f}: another scale"
    return f"{head}: other weights, or another operation"


def _offset(differences):
    """Returns by how much all values differ, 0 if not all do alike, but for rounding."""
    if not differences.size or np.ptp(differences) > 1:
        return 0
    return int(np.round(differences.mean()))


def _channels(difference):
    """Returns the channels with differences, if there are few."""
    if difference.ndim < 2 or difference.shape[-1] < 4:
        return []
    found = np.flatnonzero(difference.reshape(-1, difference.shape[-1]).any(axis=0))
    return [int(x) for x in found] if len(found) <= difference.shape[-1] // 4 else []


def _clipping(step, device, here):
    """Says whether one of the two clips values that the other leaves alone."""
    equal = device == here
    for name, low, high in (("does not clip", device, here), ("clips", here, device)):
        lowest, highest = high.min(), high.max()
        at_lowest = (high == lowest) & (low < lowest)
        at_highest = (high == highest) & (low > highest)
        if (equal | at_lowest | at_highest).all() and (at_lowest | at_highest).any():
            end = lowest if at_lowest.any() else highest
            return f"only where it {name} at the code {end}: another activation"
    return None


def _factor(step, device, here, inside):
    """Returns the factor between the steps of both, if there is one."""
    zero = step.zero_point or 0
    one, other = (device - zero)[inside].astype(float), (here - zero)[inside].astype(float)
    if not other.any():
        return None
    factor = (one * other).sum() / (other**2).sum()
    return factor if np.abs(one - factor * other).max() <= TOLERANCE else None
