"""Finds which layers the channels of a tensor reach through concatenations, slices and scales."""

import keras

from keraslight.compat import operation_class

L = keras.layers
GET_ITEM = operation_class("GetItem")
JOINS = (L.Concatenate, L.BatchNormalization, operation_class("Concatenate"))


def is_last(axis, tensor) -> bool:
    """Returns whether an axis of a layer is the last of a tensor."""
    axis = axis[0] if isinstance(axis, list | tuple) else axis
    return axis in (-1, len(tensor.shape) - 1)


def takes_border(layer) -> bool:
    """Returns whether a convolution can take in maps of its size as further channels."""
    return (
        layer.kernel_size == (1, 1)
        and layer.strides == (1, 1)
        and layer.groups == 1
        and layer.data_format == "channels_last"
    )


def joins_channels(call) -> bool:
    """Returns whether a call concatenates or slices channels, or scales and shifts them."""
    operation = call.operation
    if type(operation) in JOINS:
        return is_last(operation.axis, call.outputs)
    if type(operation) is not GET_ITEM:
        return False
    key = call.args[1]
    if not isinstance(key, tuple) or not isinstance(key[-1], slice):
        return False
    *others, last = key
    reaches_last = Ellipsis in others or len(key) == len(call.outputs.shape)
    takes_all = all(other is Ellipsis or other == slice(None) for other in others)
    return reaches_last and takes_all and last.step in (None, 1)


def reaches_pointwise(graph, tensor, start: int = 0, stop: int | None = None) -> bool:
    """Returns whether 1x1 convolutions are all that channels of a tensor get to, linearly.

    Args:
        graph: the `Graph` of the original model.
        tensor: a tensor of it.
        start: int, the first of the channels.
        stop: optional int, the end of the channels.
    """
    stop = tensor.shape[-1] if stop is None else stop
    if start >= stop:
        return True
    users = graph.users(tensor)
    if not users or graph.is_output(tensor):
        return False
    return all(_user_reaches_pointwise(graph, user, tensor, start, stop) for user in users)


def _user_reaches_pointwise(graph, user, tensor, start, stop):
    kind = type(user.operation)
    if kind is L.Conv2D:
        return takes_border(user.operation)
    if not joins_channels(user):
        return False
    if kind is GET_ITEM:
        first, last, _ = user.args[1][-1].indices(tensor.shape[-1])
        start, stop = max(start, first) - first, min(stop, last) - first
        return reaches_pointwise(graph, user.outputs, start, stop)
    position, reaches = 0, True
    for x in user.inputs:
        if x is tensor:
            reaches = reaches and reaches_pointwise(
                graph, user.outputs, position + start, position + stop
            )
        position += x.shape[-1]
    return reaches
