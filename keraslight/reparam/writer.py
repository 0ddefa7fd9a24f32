"""Writes the fused model call by call, normalizations travelling along as `Signal`s."""

from dataclasses import replace

import keras
import numpy as np

from keraslight.layers.reparam_layer import call_with_weights
from keraslight.reparam.algebra import norm_scale_shift, response, scale_inputs
from keraslight.reparam.border import at_output_size, outside_maps, outside_response
from keraslight.reparam.signal import Part, Signal, concatenate

L = keras.layers

# part of a tensor enters a 1x1 convolution as the whole tensor, with zero weights, from this share
MIN_SHARE = 0.5


class FusedWriter:
    """Makes the layers of the fused model.

    Args:
        graph: the `Graph` of the original model.
    """

    def __init__(self, graph):
        self.graph = graph
        self.names = {x.name for x in keras.tree.flatten(graph.inputs)}
        self.folded = set()  # calls of normalizations that went into the layer before them
        self.kept = {}  # copies of layers that stay as they are
        self.map_sources = {}
        # tensors already written; keys hold ids, values keep the objects behind these ids alive
        self.tensors, self.joins, self.pads, self.maps = {}, {}, {}, {}

    def write(self, call, *args, **kwargs):
        """Writes one call; takes and returns signals."""
        operation = type(call.operation)
        rule = RULES.get(operation) or RULES_BY_NAME.get(operation.__name__)
        result = rule(self, call, *args) if rule else None
        return self.keep(call, *args, **kwargs) if result is None else result

    # tensors of the fused model

    def tensor(self, signal: Signal):
        """Returns the tensor of the fused model that has a signal's very values."""
        if id(signal) not in self.tensors:
            self.tensors[id(signal)] = (signal, self._tensor(signal))
        return self.tensors[id(signal)][1]

    def _tensor(self, signal):
        if signal.padding is not None:
            return self.pad(self.tensor(replace(signal, padding=None)), signal.padding)
        joined = self.join(signal)
        if not signal.is_affine:
            return joined
        name = self.unique(f"{signal.name or 'input'}_affine")
        if signal.rank != 4:
            layer = L.BatchNormalization(dtype="float32", name=name)
            zeros = np.zeros(signal.channels)
            return call_with_weights(
                layer, joined, signal.scale, signal.shift, zeros, zeros + 1 - layer.epsilon
            )
        layer = L.DepthwiseConv2D(1, data_format="channels_last", dtype="float32", name=name)
        kernel = signal.scale[None, None, :, None]
        result = call_with_weights(layer, joined, kernel, signal.shift)
        for key, coefficients in signal.border.items():
            layer = self.new(L.Conv2D, f"{name}_border", signal.channels, 1, use_bias=False)
            border = call_with_weights(layer, self.outside_maps(key), coefficients.T[None, None])
            result = self.new(L.Add, f"{name}_add")([result, border])
        return result

    def plain(self, signal: Signal) -> Signal:
        """Returns a signal with everything pending written."""
        if signal.is_plain:
            return signal
        return Signal.of(self.tensor(signal), signal.grid, signal.name)

    def join(self, signal: Signal):
        """Returns the parts of a signal as one tensor, without scale, shift and padding."""
        key = tuple((id(part.tensor), part.start, part.stop) for part in signal.parts)
        if key not in self.joins:
            tensors = [
                part.tensor if part.is_whole else part.tensor[..., part.start : part.stop]
                for part in signal.parts
            ]
            if len(tensors) > 1:
                tensors = [self.new(L.Concatenate, signal.name or "concat")(tensors)]
            self.joins[key] = (signal, tensors[0])
        return self.joins[key][1]

    def pad(self, tensor, padding):
        """Returns a tensor of images with zeros around it."""
        if (id(tensor), padding) not in self.pads:
            layer = self.new(L.ZeroPadding2D, "pad", padding, data_format="channels_last")
            self.pads[id(tensor), padding] = (tensor, layer(tensor))
        return self.pads[id(tensor), padding][1]

    def outside_maps(self, key):
        """Returns the eight images of the border for a grid and a stride."""
        if key not in self.maps:
            tensor, strides = self.map_sources[key]
            self.maps[key] = outside_maps(tensor, self.unique("border"), strides)
        return self.maps[key]

    def new(self, layer, name: str, *args, **kwargs):
        """Returns a new layer that computes in float32, under a free name."""
        return layer(*args, dtype="float32", name=self.unique(name), **kwargs)

    def unique(self, name: str) -> str:
        """Returns `name`, with a number at its end if it is taken."""
        candidate, number = name, 0
        while candidate in self.names:
            number += 1
            candidate = f"{name}_{number}"
        self.names.add(candidate)
        return candidate

    # layers and operations that stay

    def keep(self, call, *args, **kwargs):
        """Copies a layer or an operation that nothing can be folded into."""
        signals = [x for x in keras.tree.flatten(args) if isinstance(x, Signal)]
        args, kwargs = keras.tree.map_structure(
            lambda leaf: self.tensor(leaf) if isinstance(leaf, Signal) else leaf, (args, kwargs)
        )
        operation = call.operation
        if id(operation) not in self.kept:
            self.kept[id(operation)] = self.copy(operation)
        copy = self.kept[id(operation)]
        outputs = copy(*args, **kwargs)
        if isinstance(operation, L.Layer):
            copy.set_weights(operation.get_weights())
        grid = signals[0].grid if signals and type(operation) in ELEMENTWISE else None
        return keras.tree.map_structure(lambda x: Signal.of(x, grid, call.name), outputs)

    def copy(self, operation, **config):
        """Returns a new layer without weights, some entries of its configuration changed."""
        config = {**operation.get_config(), **config}
        if isinstance(operation, L.Layer):
            config.update(name=self.unique(operation.name), dtype="float32")
        return type(operation).from_config(config)

    # linear layers

    def conv(self, call, x):
        layer = call.operation
        if layer.data_format != "channels_last":
            return None
        pads = x.padding is not None or (layer.padding == "same" and layer.kernel_size != (1, 1))
        if (x.shift.any() and pads) or (x.border and not _takes_border(layer)):
            x = self.plain(x)
        kernel, bias = self.with_following_norm(call)
        bias = bias + response(kernel, x.shift)
        for coefficients in x.border.values():
            kernel = np.concatenate([kernel, coefficients.T @ kernel[:, :, : x.channels]], axis=2)
        x = self.with_maps(x, f"{call.name}_concat")
        kernel = scale_inputs(kernel, x.scale)
        if _takes_border(layer) and x.padding is None:
            x, kernel = _widened(x, kernel)
        return self.linear(call, x, kernel, bias)

    def depthwise(self, call, x):
        layer = call.operation
        if layer.data_format != "channels_last":
            return None
        pads = x.padding is not None or layer.padding == "same"
        # a shift that comes out of this layer can travel on to the 1x1 convolutions after it
        travels = _is_linear(layer) and self.reaches_pointwise(call.outputs)
        if x.border or (x.shift.any() and pads and not (travels and _pads_by_one(layer, x))):
            x = self.plain(x)
        kernel, bias = self.with_following_norm(call)
        bias = bias + (kernel * x.shift[:, None]).sum(axis=(0, 1)).ravel()
        scaled = kernel * x.scale[:, None]
        if not travels:
            return self.linear(call, x, scaled, bias)
        result = self.linear(call, x, scaled, np.zeros_like(bias))
        border = {}
        if x.shift.any() and pads:
            key, coefficients = self.border(x, layer, kernel, result)
            border[key] = coefficients
        return replace(result, shift=bias, border=border)

    def dense(self, call, x):
        if x.border or x.padding is not None:
            x = self.plain(x)
        kernel, bias = self.with_following_norm(call)
        return self.linear(call, x, kernel * x.scale[:, None], bias + x.shift @ kernel)

    def linear(self, call, x, kernel, bias):
        """Writes a linear layer with new weights on the bare tensor of `x`."""
        layer = call.operation
        copy = self.copy(layer, use_bias=bool(layer.use_bias or bias.any()))
        weights = (kernel, bias) if copy.use_bias else (kernel,)
        output = call_with_weights(copy, self.tensor(x.bare()), *weights)
        return Signal.of(output, x.grid if _keeps_size(layer, x) else None, call.name)

    def with_following_norm(self, call):
        """Returns kernel and bias of a linear layer, the normalization right after it folded in."""
        layer = call.operation
        kernel = np.asarray(layer.kernel, "float64")
        bias = np.asarray(layer.bias, "float64") if layer.use_bias else 0.0
        channels = call.outputs.shape[-1]
        user = self.graph.sole_user(call.outputs)
        if (
            user is None
            or type(user.operation) is not L.BatchNormalization
            or not _is_last(user.operation.axis, call.outputs)
            or not _is_linear(layer)
        ):
            return kernel, bias + np.zeros(channels)
        self.folded.add(user)
        scale, shift = norm_scale_shift(user.operation)
        of_outputs = kernel.shape[2:] if isinstance(layer, L.DepthwiseConv2D) else (channels,)
        return kernel * scale.reshape(of_outputs), bias * scale + shift

    def border(self, x, layer, kernel, output):
        """Returns the maps and the coefficients of what a padding depthwise makes of a shift."""
        coefficients = outside_response(kernel, x.shift)
        source, strides = x.parts[0].tensor, layer.strides[0]
        key = (x.grid, strides)
        if strides == 2 and None not in source.shape[1:3]:
            coefficients = at_output_size(coefficients, *source.shape[1:3])
            source, strides, key = output.parts[0].tensor, 1, (output.grid, 1)
        self.map_sources.setdefault(key, (source, strides))
        return key, coefficients

    def with_maps(self, x, name):
        """Returns a signal without its border, whose maps are further channels of it."""
        if not x.border:
            return x
        maps = [Signal.of(self.outside_maps(key)) for key in x.border]
        joined = concatenate([replace(x, border={}), *maps], name)
        return replace(joined, padding=x.padding, grid=x.grid)

    def reaches_pointwise(self, tensor, start=0, stop=None) -> bool:
        """Tells whether 1x1 convolutions are all that channels of a tensor get to, linearly.

        Args:
            tensor: tensor of the original model.
            start: int, the first of the channels.
            stop: optional int, the end of the channels.
        """
        stop = tensor.shape[-1] if stop is None else stop
        users = self.graph.users(tensor)
        if not users or self.graph.is_output(tensor):
            return start >= stop
        return start >= stop or all(
            self._user_reaches_pointwise(user, tensor, start, stop) for user in users
        )

    def _user_reaches_pointwise(self, user, tensor, start, stop):
        if type(user.operation) is L.Conv2D:
            return _takes_border(user.operation)
        if not _joins_channels(user):
            return False
        starts = [start]
        if type(user.operation).__name__ == "GetItem":
            first, last, _ = user.args[1][-1].indices(tensor.shape[-1])
            starts, stop = [max(start, first) - first], min(stop, last) - max(start, first) + start
        elif type(user.operation).__name__ == "Concatenate":
            starts, position = [], 0
            for x in user.inputs:
                if x is tensor:
                    starts.append(position + start)
                position += x.shape[-1]
        length = stop - start
        return all(self.reaches_pointwise(user.outputs, first, first + length) for first in starts)

    # layers that a scale and a shift pass through

    def norm(self, call, x):
        if call in self.folded:
            return x
        if not _is_last(call.operation.axis, call.outputs):
            return None
        x = x if x.padding is None else self.plain(x)
        return x.affine(*norm_scale_shift(call.operation))

    def zero_padding(self, call, x):
        if call.operation.data_format != "channels_last" or x.padding is not None:
            return None
        return replace(x, padding=call.operation.padding)

    def concatenate(self, call, xs):
        if not _joins_channels(call) or any(x.padding is not None for x in xs):
            return None
        return concatenate(xs, call.name)

    def get_item(self, call, x, key):
        if not _joins_channels(call) or x.padding is not None:
            return None
        start, stop, _ = key[-1].indices(x.channels)
        return x.channels_between(start, stop)

    def through(self, call, x):
        if x.padding is not None or x.border or call.outputs.shape[-1] != x.channels:
            return None
        return self.keep(call, x.bare()).affine(x.scale, x.shift)

    def reshape(self, call, x):
        """Of reshaping layers, those that turn a map of one pixel into a vector or back."""
        one_pixel = [side for side in call.inputs[0].shape[1:-1] if side != 1] == []
        return self.through(call, x) if one_pixel and len(call.outputs.shape) in (2, 4) else None

    def nothing(self, call, x):
        return x


RULES = {
    L.AveragePooling2D: lambda writer, call, x: (
        writer.through(call, x) if call.operation.padding == "valid" else None
    ),
    L.BatchNormalization: FusedWriter.norm,
    L.Concatenate: FusedWriter.concatenate,
    L.Conv2D: FusedWriter.conv,
    L.Dense: FusedWriter.dense,
    L.DepthwiseConv2D: FusedWriter.depthwise,
    L.Dropout: FusedWriter.through,
    L.Flatten: FusedWriter.reshape,
    L.GlobalAveragePooling2D: FusedWriter.through,
    L.Identity: FusedWriter.nothing,
    L.Reshape: FusedWriter.reshape,
    L.ZeroPadding2D: FusedWriter.zero_padding,
}
# bare operations, whose classes are not public
RULES_BY_NAME = {
    "Concatenate": FusedWriter.concatenate,
    "ConvertToTensor": FusedWriter.nothing,
    "GetItem": FusedWriter.get_item,
}
ELEMENTWISE = {L.Activation, L.Add, L.BatchNormalization, L.Dropout, L.Multiply, L.ReLU}


def _is_linear(layer) -> bool:
    return layer.activation is keras.activations.linear


def _is_last(axis, tensor) -> bool:
    axis = axis[0] if isinstance(axis, list | tuple) else axis
    return axis in (-1, len(tensor.shape) - 1)


def _takes_border(layer) -> bool:
    """Tells whether a convolution can take in maps of its size as further channels."""
    return (
        layer.kernel_size == (1, 1)
        and layer.strides == (1, 1)
        and layer.groups == 1
        and layer.data_format == "channels_last"
    )


def _pads_by_one(layer, x) -> bool:
    """Tells whether a depthwise convolution is a 3x3 that pads one zero on all four sides."""
    by_one = (
        x.padding == ((1, 1), (1, 1))
        if layer.padding == "valid"
        else x.padding is None and layer.strides == (1, 1)
    )
    return (
        by_one
        and layer.kernel_size == (3, 3)
        and layer.dilation_rate == (1, 1)
        and layer.strides in ((1, 1), (2, 2))
    )


def _keeps_size(layer, x) -> bool:
    if isinstance(layer, L.Dense):
        return True
    return layer.strides == (1, 1) and (
        _pads_by_one(layer, x)
        or (x.padding is None and (layer.padding == "same" or layer.kernel_size == (1, 1)))
    )


def _joins_channels(call) -> bool:
    """Tells whether a call concatenates or slices channels, or scales and shifts them."""
    operation = call.operation
    if type(operation).__name__ in ("Concatenate", "BatchNormalization"):
        return _is_last(operation.axis, call.outputs)
    if type(operation).__name__ != "GetItem":
        return False
    rank, key = len(call.inputs[0].shape), call.args[1]
    if not isinstance(key, tuple) or not isinstance(key[-1], slice):
        return False
    *others, last = key
    reaches_last = Ellipsis in others or len(key) == rank
    takes_all = all(other is Ellipsis or other == slice(None) for other in others)
    return reaches_last and takes_all and last.step in (None, 1)


def _widened(x, kernel):
    """Replaces large parts of tensors by the whole tensors, with zero rows in a 1x1 kernel."""
    parts, rows, position = [], [], 0
    for part in x.parts:
        length = part.stop - part.start
        block = kernel[:, :, position : position + length]
        position += length
        total = part.tensor.shape[-1]
        if not part.is_whole and length >= MIN_SHARE * total:
            before_after = (part.start, total - part.stop)
            block = np.pad(block, ((0, 0), (0, 0), before_after, (0, 0)))
            part = Part(part.tensor, 0, total)
        parts.append(part)
        rows.append(block)
    channels = sum(part.stop - part.start for part in parts)
    x = replace(x, parts=tuple(parts), scale=np.ones(channels), shift=np.zeros(channels))
    return x, np.concatenate(rows, axis=2)
