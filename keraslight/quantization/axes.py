"""Tensors with their axes in another order, and with several axes as one."""

import math

import keras

ops = keras.ops


def arranged(tensor, axes: str, groups: tuple[str, ...]):
    """Returns a tensor with its axes in another order, and some of them merged into one.

    Args:
        tensor: the tensor.
        axes: a letter for each of its axes.
        groups: the letters that each axis of the result consists of.
    """
    order = [axes.index(x) for x in "".join(groups)]
    if order != sorted(order):
        tensor = ops.transpose(tensor, order)
    sizes = [[tensor.shape["".join(groups).index(x)] for x in group] for group in groups]
    return reshaped(tensor, [-1 if None in size else math.prod(size) for size in sizes])


def separated(tensor, groups: tuple[str, ...], sizes: dict, axes: str):
    """Returns a tensor that `arranged` may have made, with one axis for each letter of `axes`.

    Args:
        tensor: the tensor.
        groups: the letters that each of its axes consists of.
        sizes: the size of each letter. One of them may be `None`.
        axes: the letters in the order of the result.
    """
    letters = "".join(groups)
    tensor = reshaped(tensor, [-1 if sizes[x] is None else sizes[x] for x in letters])
    order = [letters.index(x) for x in axes]
    return tensor if order == sorted(order) else ops.transpose(tensor, order)


def reshaped(tensor, shape: list[int]):
    """Returns a tensor in another shape, or the tensor itself if it has the shape."""
    current = [-1 if side is None else side for side in tensor.shape]
    if current == list(shape):
        return tensor
    if list(shape).count(-1) > 1:
        raise ValueError(
            "Layers that int8 writes with their axes merged need inputs of a fixed size: give "
            "keras.Input a size, or keep them in float32 with `keep_float`. "
            f"Received: a tensor of the shape {tensor.shape}"
        )
    return ops.reshape(tensor, shape)
