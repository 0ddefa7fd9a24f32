"""Writes the fused model call by call. Pending normalizations are kept in `Signal`s."""

from dataclasses import replace

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights, config_of
from keraslight.graph.names import free_name
from keraslight.layers.parts import conv2d, depthwise_conv2d, zero_padding
from keraslight.reparam.border import outside_maps
from keraslight.reparam.signal import Signal

L = keras.layers

# A shift that is added before its scale is divided by the scale. Above this quotient it stays.
LARGEST_QUOTIENT = 1e4

# layers whose output has the size of their input
ELEMENTWISE = {L.Activation, L.Add, L.BatchNormalization, L.Dropout, L.Multiply, L.ReLU}


class FusedWriter:
    """Makes the layers of the fused model.

    Args:
        graph: the `Graph` of the original model.
        policy: the `Policy` that chooses among equal forms.
        rules: dict from classes of layers and operations to functions. A function takes this
            writer, a `Call` and the call's arguments with `Signal`s in place of tensors. It returns
            the output as a `Signal`, or `None` to keep the layer unchanged.
    """

    def __init__(self, graph, policy, rules):
        self.graph = graph
        self.policy = policy
        self.rules = rules
        self.names = {x.name for x in keras.tree.flatten(graph.inputs)}
        self.folded = set()  # calls of normalizations that are folded into the layer before them
        self.kept = {}  # copies of layers that are kept
        self.map_sources = {}
        # What is already written. The keys hold ids, so the values keep those objects alive.
        self.tensors, self.joins, self.pads, self.maps, self.sums = {}, {}, {}, {}, {}

    def write(self, call, *args, **kwargs):
        """Writes one call. Arguments and outputs are signals."""
        rule = self.rules.get(type(call.operation))
        result = rule(self, call, *args) if rule else None
        return self.keep(call, *args, **kwargs) if result is None else result

    # tensors of the fused model

    def tensor(self, signal: Signal):
        """Returns the tensor of the fused model that has the values of a signal."""
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
        layer = depthwise_conv2d(kernel_size=1, use_bias=True, dtype="float32", name=name)
        kernel = signal.scale[None, None, :, None]
        result = call_with_weights(layer, joined, kernel, signal.shift)
        for key, coefficients in signal.border.items():
            layer = self.new(conv2d, f"{name}_border", signal.channels)
            border = call_with_weights(layer, self.outside_maps(key), coefficients.T[None, None])
            result = self.new(L.Add, f"{name}_add")([result, border])
        return result

    def plain(self, signal: Signal) -> Signal:
        """Returns a signal that is one tensor: what was pending is written."""
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
            layer = self.new(zero_padding, "pad", padding)
            self.pads[id(tensor), padding] = (tensor, layer(tensor))
        return self.pads[id(tensor), padding][1]

    def with_shift_added(self, signal: Signal) -> Signal:
        """Returns an equal signal `scale * (tensor + shift / scale)` without a pending shift.

        In channels whose scale is almost 0 the shift stays pending.
        """
        kept = np.abs(signal.shift) > LARGEST_QUOTIENT * np.abs(signal.scale)
        added = ~kept & (signal.shift != 0)
        quotients = np.divide(
            signal.shift, signal.scale, out=np.zeros_like(kept, float), where=added
        )
        parts = []
        for part, values in zip(signal.parts, signal.split(quotients), strict=True):
            constant = np.pad(values, (part.start, part.tensor.shape[-1] - part.stop))
            parts.append(part._replace(tensor=self.sum(part.tensor, constant, signal.name)))
        return replace(signal, parts=tuple(parts), shift=np.where(kept, signal.shift, 0))

    def sum(self, tensor, constant, name):
        """Returns a tensor of images with a constant added to every channel."""
        if not constant.any():
            return tensor
        key = (id(tensor), constant.tobytes())
        if key not in self.sums:
            one_pixel = keras.ops.ones_like(tensor[..., :1])[:, :1, :1]
            layer = self.new(conv2d, f"{name or 'input'}_shift", len(constant))
            shift = call_with_weights(layer, one_pixel, constant[None, None, None])
            add = self.new(L.Add, f"{layer.name}_add")
            self.sums[key] = (tensor, add([tensor, shift]))
        return self.sums[key][1]

    def outside_maps(self, key):
        """Returns the eight maps of the border for a grid and a stride."""
        if key not in self.maps:
            tensor, strides = self.map_sources[key]
            self.maps[key] = outside_maps(tensor, self.unique("border"), strides)
        return self.maps[key]

    def new(self, layer, name: str, *args, **kwargs):
        """Returns a new layer that computes in float32, under a free name."""
        return layer(*args, dtype="float32", name=self.unique(name), **kwargs)

    def unique(self, name: str) -> str:
        """Returns `name`, with a number at its end if it is taken."""
        return free_name(name, self.names)

    # layers and operations that are kept

    def keep(self, call, *args, **kwargs):
        """Calls a copy of a layer or an operation that nothing can be folded into."""
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
        """Returns a new layer of the same configuration, but for the given entries."""
        config = {**config_of(operation), **config}
        if isinstance(operation, L.Layer):
            config.update(name=self.unique(operation.name), dtype="float32")
        return type(operation).from_config(config)
