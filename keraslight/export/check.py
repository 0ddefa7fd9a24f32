"""Refuses .tflite files whose numbers cannot be represented and that would be wrong silently.

An int8 file stores a tensor as `scale * (code - zero_point)`. A linear layer sums up products of
codes in an int32 accumulator:

    output = input_scale * weight_scale * (sum((x - zero_point) * weight) + bias)

Therefore the scale of the bias is `input_scale * weight_scale`, and the bias and all products must
fit in an int32 together. A channel whose weights are (almost) zero has a tiny `weight_scale`: its
bias does not fit, the converter saturates it without a warning, and the channel is wrong. The last
step multiplies by `input_scale * weight_scale / output_scale`, for which the runtimes have a limit.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import inner_layers
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema

L = keras.layers
INT32_MAX = 2**31 - 1
# the runtimes reject a product of input and weight scale that is this many output scales
LARGEST_MULTIPLIER = 256
# how many float32 roundings a scale may differ by
SCALE_TOLERANCE = 1e-5
# half a step, and the rounding of the bias to float32
HALF_STEP, FLOAT32_ROUNDING = 0.5 + 1e-3, 2.0**-20


TOO_SMALL = (
    "The weights of a channel are too small for its bias. Keep this layer in float32: "
    "keraslight.quantize_model(..., keep_float=[name of the layer])."
)
NOT_REACHED = "Calibrate with pictures that reach every layer, or keep the layer in float32."
DEFECT = "This is a defect of the conversion: please report it."


@dataclass(frozen=True)
class _LinearOperator:
    """How TFLite stores a linear layer.

    Attributes:
        name: the name of the operator in the schema.
        keras_layer: the Keras layer that becomes this operator.
        operands: the positions of the input, the weights and the bias.
        channel_axis: the axis of the output channels of the weights.
    """

    name: str
    keras_layer: type[L.Layer]
    operands: tuple[int, int, int] = (0, 1, 2)
    channel_axis: int = 0

    def stored(self, kernel: np.ndarray) -> np.ndarray:
        """Returns a kernel of the Keras layer with the axes of the file."""
        if self.keras_layer is L.DepthwiseConv2D:
            return kernel.reshape(1, *kernel.shape[:2], -1)
        axis = -2 if self.keras_layer is L.Conv2DTranspose else -1
        return np.moveaxis(kernel, axis, 0)


LINEAR_OPERATORS = (
    _LinearOperator("CONV_2D", L.Conv2D),
    _LinearOperator("DEPTHWISE_CONV_2D", L.DepthwiseConv2D, channel_axis=3),
    _LinearOperator("FULLY_CONNECTED", L.Dense),
    _LinearOperator("TRANSPOSE_CONV", L.Conv2DTranspose, operands=(2, 1, 3)),
)


def check_file(content: bytes, model: keras.Model | None = None) -> None:
    """Raises an error if the numbers in a .tflite file make it wrong.

    Args:
        content: the file.
        model: optional `QuantizedModel` that the file was made from. Its weights and biases are
            then compared with those of the file.

    Raises:
        ValueError: if a scale, a zero point, a weight or a bias is not sound. The message names the
            tensor or the layer.
    """
    tensors, linear = _read(content)
    for tensor in tensors:
        _check_constant(tensor)
        _check_scale(tensor)
    linear = [found for found in linear if found.weights.is_quantized and found.input.is_quantized]
    layers = _layers_of(linear, model) if isinstance(model, QuantizedModel) else {}
    for operation in linear:
        layer = layers.get(id(operation))
        of_tensor = f"the layer of the tensor '{operation.weights.name}'"
        _check_accumulator(operation, f"the layer '{layer.name}'" if layer else of_tensor)
        if layer is not None:
            _check_bias(operation, layer)


@dataclass(frozen=True)
class _Tensor:
    """A tensor of the file. `values` is `None` unless it is a constant of a known type."""

    name: str
    dtype: np.dtype | None
    values: np.ndarray | None
    scale: np.ndarray
    zero_point: np.ndarray

    @property
    def is_quantized(self) -> bool:
        return self.scale.size > 0


@dataclass(frozen=True)
class _Linear:
    """A linear operation of the file, with its tensors."""

    operator: _LinearOperator
    input: _Tensor
    weights: _Tensor
    bias: _Tensor | None
    output: _Tensor

    @property
    def has_bias(self) -> bool:
        """Whether the operation has a constant, quantized bias."""
        bias = self.bias
        return bias is not None and bias.values is not None and bias.is_quantized

    @property
    def by_channel(self) -> np.ndarray:
        """The codes of the weights, of shape `(channels, others)`, as integers of 64 bits."""
        codes = np.moveaxis(self.weights.values.astype("int64"), self.operator.channel_axis, 0)
        return codes.reshape(len(codes), -1)


def _read(content: bytes) -> tuple[list[_Tensor], list[_Linear]]:
    """Returns all tensors and all linear operations of a file."""
    schema = tflite_schema()
    model = flatbuffer.read(content)
    dtypes = {
        getattr(schema.TensorType, name.upper()): np.dtype(name)
        for name in ("float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64")
    }
    known = {getattr(schema.BuiltinOperator, o.name): o for o in LINEAR_OPERATORS}
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    tensors, linear = [], []
    for graph in model.subgraphs:
        of_graph = [_tensor(t, model.buffers[t.buffer].data, dtypes) for t in graph.tensors]
        tensors += of_graph
        for operation in graph.operators:
            operator = known.get(codes[operation.opcodeIndex])
            if operator is None:
                continue
            inputs = [of_graph[i] if i >= 0 else None for i in operation.inputs]
            inputs += [None] * (max(operator.operands) + 1 - len(inputs))
            operands = [inputs[i] for i in operator.operands]
            linear.append(_Linear(operator, *operands, of_graph[operation.outputs[0]]))
    return tensors, [found for found in linear if found.weights.values is not None]


def _tensor(tensor, data, dtypes) -> _Tensor:
    dtype = dtypes.get(tensor.type)
    values = None
    if dtype is not None and data is not None and len(data):
        shape = () if tensor.shape is None else tuple(tensor.shape)
        values = np.frombuffer(bytes(data), dtype).reshape(shape)
    found = tensor.quantization
    scale = [] if found is None or found.scale is None else found.scale
    zero_point = [] if found is None or found.zeroPoint is None else found.zeroPoint
    name = tensor.name.decode() if isinstance(tensor.name, bytes) else str(tensor.name)
    return _Tensor(name, dtype, values, np.asarray(scale, "float32"), np.asarray(zero_point, int))


def _refuse(problem: str, advice: str, received: str) -> None:
    raise ValueError(f"The int8 file would be wrong: {problem}. {advice} Received: {received}")


def _check_constant(tensor: _Tensor) -> None:
    """Refuses constants with NaN, or with infinite values; one infinite value alone is a limit."""
    if tensor.values is None or tensor.dtype.kind != "f":
        return
    sound = ~np.isnan(tensor.values) if tensor.values.size == 1 else np.isfinite(tensor.values)
    if not sound.all():
        raise ValueError(
            "The file would hold values that are NaN or infinite. Check the weights of the model. "
            f"Received: {int((~sound).sum())} such values in the tensor '{tensor.name}'"
        )


def _check_scale(tensor: _Tensor) -> None:
    """Refuses scales and zero points that are no int8 grid."""
    if not tensor.is_quantized:
        return
    where = f"the tensor '{tensor.name}'"
    scale = tensor.scale
    if not (np.isfinite(scale).all() and (scale >= np.finfo("float32").tiny).all()):
        # zero, negative, denormal, infinite or NaN
        _refuse(
            f"a scale of {where} is not a positive normal number", NOT_REACHED, f"scale={scale}"
        )
    if tensor.dtype in (np.dtype("int8"), np.dtype("uint8")):
        limits = np.iinfo(tensor.dtype)
        if (tensor.zero_point < limits.min).any() or (tensor.zero_point > limits.max).any():
            received = f"zero_point={tensor.zero_point}"
            _refuse(f"a zero point of {where} is not of type {tensor.dtype}", DEFECT, received)
    elif tensor.dtype is not None and tensor.zero_point.any():
        received = f"zero_point={tensor.zero_point}"
        _refuse(f"{where} of type {tensor.dtype} must be symmetric", DEFECT, received)


def _check_accumulator(operation: _Linear, name: str) -> None:
    """Refuses a linear operation whose integers do not fit, or whose scales do not belong."""
    scale = operation.input.scale.astype("float64") * operation.weights.scale
    if operation.weights.zero_point.any():
        received = f"zero_point={operation.weights.zero_point}"
        _refuse(f"the weights of {name} are not symmetric", DEFECT, received)
    products = np.abs(operation.by_channel).sum(axis=1) * _largest_step(operation.input)
    if operation.has_bias:
        # biases of zero have no scale: layers may share them
        used = operation.bias.values != 0
        error = np.abs(operation.bias.scale / scale - 1) * used
        if (error > SCALE_TOLERANCE).any():
            _refuse(
                f"the scale of the bias of {name} is not that of the products",
                DEFECT,
                f"scales with a relative error of {error.max():.4g}",
            )
        products = products + np.abs(operation.bias.values.astype("float64"))
    if operation.input.dtype != np.dtype("int16") and (products > INT32_MAX).any():
        channel = int(products.argmax())
        received = f"channel {channel} with sums up to {products[channel]:.4g}"
        _refuse(f"{name} sums up more than an int32 holds", TOO_SMALL, received)
    if operation.output.is_quantized:
        multiplier = scale / operation.output.scale
        if (multiplier >= LARGEST_MULTIPLIER).any():
            _refuse(
                f"the scale of the output of {name} is too small",
                NOT_REACHED,
                f"scale={operation.output.scale} for products of the scale {scale.max():.4g}",
            )


def _largest_step(tensor: _Tensor) -> int:
    """Returns the largest absolute value of `code - zero_point`."""
    limits = np.iinfo(tensor.dtype)
    return int(max(limits.max - tensor.zero_point[0], tensor.zero_point[0] - limits.min))


def _layers_of(linear: list[_Linear], model: QuantizedModel) -> dict[int, L.Layer]:
    """Returns the layer of each operation that has the weights of one, by `id` of the operation.

    The converter may write a layer in another form. Therefore the weights are only refused if an
    operation is unknown, and a layer with weights of the same shape has no operation.
    """
    found = {}
    groups, kernels_by_key = defaultdict(list), defaultdict(dict)
    for operation in linear:
        groups[operation.operator, operation.weights.values.shape].append(operation)
    for layer in inner_layers(model):
        for operator in LINEAR_OPERATORS:
            if isinstance(layer, operator.keras_layer) and layer.name not in model.float_layers:
                kernel = operator.stored(keras.ops.convert_to_numpy(layer.kernel))
                kernels_by_key[operator, kernel.shape][layer] = kernel
    for key, operations in groups.items():
        kernels = kernels_by_key[key]
        known = set()
        for operation in operations:
            same = [layer for layer, k in kernels.items() if _has_weights(operation, k)]
            known.update(same)
            if same:  # of several layers with the same weights, the one with this bias
                found[id(operation)] = min(same, key=lambda x: _bias_error(operation, x).max())
        missing = [layer.name for layer in kernels if layer not in known]
        for operation in operations:
            if id(operation) not in found and missing:
                _refuse(
                    f"the weights in the tensor '{operation.weights.name}' are those of no layer",
                    DEFECT,
                    f"layers with weights of that shape: {missing}",
                )
    return found


def _has_weights(operation: _Linear, kernel: np.ndarray) -> bool:
    """Tells whether the weights of an operation are a kernel, rounded."""
    axes = np.ones(kernel.ndim, int)
    axes[operation.operator.channel_axis] = -1
    scale = np.broadcast_to(operation.weights.scale.reshape(axes), kernel.shape)
    some = slice(0, 64)  # rejects most other kernels without looking at all of them
    for part in (some, slice(None)):
        values, step, codes = (x.ravel()[part] for x in (kernel, scale, operation.weights.values))
        error = np.abs(step * codes.astype("float64") - values)
        if (error > HALF_STEP * step + FLOAT32_ROUNDING * np.abs(values)).any():
            return False
    return True


def _check_bias(operation: _Linear, layer: L.Layer) -> None:
    """Refuses an operation whose bias differs by more than half a step from that of a layer."""
    error = _bias_error(operation, layer)
    if error.max() > HALF_STEP:
        channel = int(error.argmax())
        _refuse(
            f"the bias of the layer '{layer.name}' is not that of the model",
            TOO_SMALL,
            f"channel {channel}, {error[channel]:.4g} steps away",
        )


def _bias_error(operation: _Linear, layer: L.Layer) -> np.ndarray:
    """Returns by how many steps each bias of the file differs from that of a layer."""
    step = operation.input.scale.astype("float64") * operation.weights.scale
    step = np.broadcast_to(step, len(operation.by_channel))
    expected = keras.ops.convert_to_numpy(layer.bias).astype("float64") if layer.use_bias else 0.0
    found = 0.0
    if operation.has_bias:
        found = operation.bias.values * step
    rounding = FLOAT32_ROUNDING * np.abs(expected)
    return np.maximum(np.abs(found - expected) - rounding, 0) / step


def check_weights(variables: Iterable[keras.Variable], quantization: str = "none") -> None:
    """Raises an error if weights cannot be stored in a file.

    Args:
        variables: the variables of a model.
        quantization: a key of `keraslight.tflite.formats.FORMATS`.

    Raises:
        ValueError: if a weight is NaN or infinite, or too large for `"float16"`.
    """
    largest = np.finfo("float16" if quantization == "float16" else "float32").max
    for variable in variables:
        values = keras.ops.convert_to_numpy(variable)
        if not np.issubdtype(values.dtype, np.floating):
            continue
        if not np.isfinite(values).all():
            raise ValueError(
                "The model has weights that are NaN or infinite: its training or its loading "
                f"failed. Received: a model with the variable '{variable.path}'"
            )
        if np.abs(values).max(initial=0) > largest:
            raise ValueError(
                "The model has weights that are too large for float16: export it with "
                "quantization=None. Received: a model with values up to "
                f"{np.abs(values).max():.4g} in the variable '{variable.path}'"
            )
