"""Convolutions and dense layers."""

import keras
import numpy as np

from keraslight.tflite_import.builder_weights import bias_of, codes_of, is_stored, real_values
from keraslight.tflite_import.layers.stored_linear import (
    StoredConv2D,
    StoredConv2DTranspose,
    StoredDense,
    StoredDepthwiseConv2D,
)
from keraslight.tflite_import.reader import ACTIVATIONS, Reader, Refused

__all__ = ["Conv2DReader", "DepthwiseConv2DReader", "FullyConnectedReader", "TransposeConvReader"]

L = keras.layers
PADDINGS = ("same", "valid")


class LinearReader(Reader):
    """An operator with a kernel and an optional bias.

    Attributes:
        layer: the Keras layer.
        stored: the same with stored weights.
        operands: the places of the input, the kernel and the bias.
        channel_axis: the axis of the output channels in the file.
    """

    layer: type
    stored: type
    operands = (0, 1, 2)
    channel_axis = 0

    def config(self, op, x, kernel) -> dict:
        """Returns the arguments of the layer that are its own."""
        raise NotImplementedError

    def kernel(self, op, kernel: np.ndarray, config: dict) -> np.ndarray:
        """Returns a kernel of the file in the shape that Keras stores."""
        raise NotImplementedError

    def to_file(self, kernel: np.ndarray) -> np.ndarray:
        """Returns a kernel of Keras in the shape that the file stores."""
        raise NotImplementedError

    def tensors(self, op) -> tuple:
        """Returns the tensors of the input, the kernel and the bias, the last `None` if absent."""
        found = [op.inputs[place] if place < len(op.inputs) else None for place in self.operands]
        return tuple(found)

    def input(self, build, op, x):
        """Returns the input in the shape that the layer takes."""
        return x

    def read(self, build, op, *inputs):
        source, kernel, bias = self.tensors(op)
        x = self.input(build, op, build.value(source))
        weights = real_values(build, kernel)
        if weights is None or not isinstance(x, keras.KerasTensor):
            raise Refused("its weights are not constant")
        activation = ACTIVATIONS.get(getattr(op.options, "fusedActivationFunction", 0))
        if activation is None:
            raise Refused("its fused activation is not known")
        config = {
            **self.config(op, x, weights),
            "activation": activation,
            "use_bias": bias is not None,
        }
        write = self._stored if is_stored(op, source, kernel) else self._float
        return build.with_leading(write(build, op, x, config), build.shape(x)[0])

    def _float(self, build, op, x, config):
        _, kernel, bias = self.tensors(op)
        if any(tensor.is_quantized for tensor in op.outputs):
            raise Refused("its input or its weights are not int8")
        layer = self.layer(**config, name=build.name(op))
        outputs = layer(x)
        layer.kernel.assign(self.kernel(op, real_values(build, kernel), config))
        if bias is not None:
            layer.bias.assign(real_values(build, bias).ravel())
        return outputs

    def stored_config(self, build, op, config) -> dict:
        """Returns the arguments of the layer with stored weights that are its own."""
        return {}

    def _stored(self, build, op, x, config):
        source, kernel, bias = self.tensors(op)
        if config["activation"] == "tanh":
            raise Refused("its fused activation is tanh")
        codes, limits = codes_of(kernel)
        key = (
            kernel.index,
            None if bias is None else bias.index,
            source.grid,
            tuple(sorted((k, str(v)) for k, v in config.items())),
        )
        if key in build.shared:
            layer = build.shared[key]
            build.linear[op.place] = layer
            return layer(x)
        layer = self.stored(
            **config,
            **self.stored_config(build, op, config),
            limits=limits,
            per_channel=len(kernel.scale) > 1,
            name=build.name(op),
        )
        if len(kernel.scale) > 1 and kernel.axis != self.channel_axis:
            raise Refused(f"its scales lie along axis {kernel.axis}")
        outputs = layer(x)
        layer.set_stored(
            self.kernel(op, codes, config), kernel.scale, bias_of(bias), source.grid[0]
        )
        build.shared[key] = build.linear[op.place] = layer
        return outputs


def _strides(options):
    return {
        "strides": (options.strideH, options.strideW),
        "padding": PADDINGS[options.padding],
    }


class Conv2DReader(LinearReader):
    """CONV_2D, grouped or not."""

    kinds = ("CONV_2D",)
    layer, stored = L.Conv2D, StoredConv2D

    def config(self, op, x, kernel):
        channels, rest = divmod(x.shape[-1], kernel.shape[3])
        if rest or kernel.shape[0] % channels:
            raise Refused("its kernel does not fit its input")
        return {
            **_strides(op.options),
            "filters": kernel.shape[0],
            "kernel_size": kernel.shape[1:3],
            "dilation_rate": (op.options.dilationHFactor, op.options.dilationWFactor),
            "groups": channels,
        }

    def kernel(self, op, kernel, config):
        return kernel.transpose(1, 2, 3, 0)

    def to_file(self, kernel):
        return kernel.transpose(3, 0, 1, 2)


class DepthwiseConv2DReader(LinearReader):
    """DEPTHWISE_CONV_2D with any multiplier."""

    kinds = ("DEPTHWISE_CONV_2D",)
    layer, stored = L.DepthwiseConv2D, StoredDepthwiseConv2D
    channel_axis = 3

    def config(self, op, x, kernel):
        multiplier, rest = divmod(kernel.shape[3], x.shape[-1])
        if rest or kernel.shape[0] != 1:
            raise Refused("its kernel does not fit its input")
        return {
            **_strides(op.options),
            "kernel_size": kernel.shape[1:3],
            "dilation_rate": (op.options.dilationHFactor, op.options.dilationWFactor),
            "depth_multiplier": multiplier,
        }

    def kernel(self, op, kernel, config):
        return kernel.reshape(*kernel.shape[1:3], -1, config["depth_multiplier"])

    def to_file(self, kernel):
        return kernel.reshape(1, *kernel.shape[:2], -1)


class FullyConnectedReader(LinearReader):
    """FULLY_CONNECTED."""

    kinds = ("FULLY_CONNECTED",)
    version = 14
    layer, stored = L.Dense, StoredDense

    def input(self, build, op, x):
        inputs = build.graph.tensors[op.inputs[1].index].shape[-1]
        if not isinstance(x, keras.KerasTensor) or op.options.weightsFormat:
            raise Refused("its weights are in an order of their own")
        if op.options.keepNumDims or len(x.shape) == 2:
            return x
        shape = build.shape(x)
        if np.prod(shape[1:]) == inputs:
            return L.Flatten(name=build.name(op, "flat"))(x)
        outputs = build.call(op, keras.ops.reshape, x, (-1, inputs))
        return build.with_leading(outputs, int(np.prod(shape)) // inputs)

    def config(self, op, x, kernel):
        return {"units": kernel.shape[0]}

    def kernel(self, op, kernel, config):
        return kernel.T

    def to_file(self, kernel):
        return kernel.T


class TransposeConvReader(LinearReader):
    """TRANSPOSE_CONV."""

    kinds = ("TRANSPOSE_CONV",)
    layer, stored = L.Conv2DTranspose, StoredConv2DTranspose
    operands = (2, 1, 3)

    def config(self, op, x, kernel):
        config = _strides(op.options)
        size = [int(side) for side in op.outputs[0].shape[1:3]]
        rest = []
        for side, before, taps, step in zip(
            size, x.shape[1:3], kernel.shape[1:3], config["strides"], strict=True
        ):
            # what Keras adds to `(before - 1) * step + taps - 2 * padding`
            padding = taps // 2 if config["padding"] == "same" else 0
            rest.append(side - ((before - 1) * step + taps - 2 * padding))
        return {
            **config,
            "filters": kernel.shape[0],
            "kernel_size": kernel.shape[1:3],
            "output_padding": tuple(rest) if config["padding"] == "valid" and any(rest) else None,
        }

    def stored_config(self, build, op, config):
        # XNNPACK takes neither a size that is computed nor padding with strides beyond the kernel
        sparse = any(s > k for s, k in zip(config["strides"], config["kernel_size"], strict=True))
        padded = config["padding"] == "same"
        return {"fixed_point": (sparse and padded) or op.inputs[0].values is None}

    def kernel(self, op, kernel, config):
        return kernel.transpose(1, 2, 0, 3)

    def to_file(self, kernel):
        return kernel.transpose(2, 0, 1, 3)
