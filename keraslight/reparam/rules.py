"""One rule for each kind of layer: what it does with a pending scale, shift, border and padding.

A rule writes the layer in the fused model and returns its output as a `Signal`. It folds what is
pending before the layer into its weights where it can, and leaves pending what it passes on.
"""

from dataclasses import replace

import keras
import numpy as np

from keraslight.compat import operation_class
from keraslight.graph.copies import call_with_weights
from keraslight.graph.kernels import norm_scale_shift, response, scale_inputs
from keraslight.graph.policy import Form, declare
from keraslight.layers.parts import conv2d
from keraslight.reparam.border import at_output_size, outside_response
from keraslight.reparam.reach import (
    GET_ITEM,
    is_last,
    joins_channels,
    reaches_pointwise,
    takes_border,
)
from keraslight.reparam.signal import Part, Signal, concatenate

L = keras.layers

BORDER = declare(
    Form(
        "border",
        ("channels", "sum", "added"),
        float="added",
        int8="channels",
        doc="A shift before a depthwise convolution that pads with zeros. It travels to the next "
        "1x1 convolution, where it varies at the border of the image: as further input "
        "`channels`, or as a `sum` with the output, a constant if the image size is fixed. Or it "
        "is `added` before the padding.",
    )
)
JOIN = declare(
    Form(
        "join",
        ("concat", "split"),
        float="split",
        int8="concat",
        doc="A 1x1 convolution of several tensors: of their `concat`, or `split` into one "
        "convolution for each and a sum.",
    )
)
DOWNSAMPLE = declare(
    Form(
        "downsample",
        ("joined", "parts"),
        float="parts",
        int8="joined",
        doc="A strided depthwise convolution of several tensors: of all, `joined`, or in `parts`, "
        "which are joined at the smaller size.",
    )
)

# If a 1x1 convolution reads at least this share of a tensor, it reads all of it, with zero weights.
MIN_SHARE = 0.5


def convolution(writer, call, x):
    """Rule of Conv2D: folds scales, shifts if it does not pad, borders if it is 1x1."""
    layer = call.operation
    if layer.data_format != "channels_last":
        return None
    pads = x.padding is not None or (layer.padding == "same" and layer.kernel_size != (1, 1))
    if (x.shift.any() and pads) or (x.border and not takes_border(layer)):
        x = writer.plain(x)
    kernel, bias = _with_following_norms(writer, call)
    bias = bias + response(kernel, x.shift)
    borders = {key: value.T @ kernel[0, 0] for key, value in x.border.items()}
    kernel = scale_inputs(kernel, x.scale)
    x = replace(x.bare(), name=f"{call.name}_concat")
    if not takes_border(layer) or x.padding is not None:
        return _linear(writer, call, x, kernel, bias)
    x, kernel = _widened(x, kernel)
    return _pointwise(writer, call, x, kernel, bias, borders)


def depthwise(writer, call, x):
    """Rule of DepthwiseConv2D: folds scales; a shift may stay pending, with its border."""
    layer = call.operation
    if layer.data_format != "channels_last":
        return None
    pads = x.padding is not None or layer.padding == "same"
    travels = _is_linear(layer) and reaches_pointwise(writer.graph, call.outputs)
    if x.shift.any() and pads and not x.border and writer.policy["border"] == "added":
        x = writer.with_shift_added(x)
    if x.border or (x.shift.any() and pads and not (travels and _pads_by_one(layer, x))):
        x = writer.plain(x)
    kernel, bias = _with_following_norms(writer, call)
    bias = bias + (kernel * x.shift[:, None]).sum(axis=(0, 1)).ravel()
    scaled = kernel * x.scale[:, None]
    if not travels:
        return _depthwise(writer, call, x, scaled, bias)
    result = _depthwise(writer, call, x, scaled, np.zeros_like(bias))
    border = {}
    if x.shift.any() and pads:
        key, coefficients = _border(writer, x, layer, kernel, result)
        border[key] = coefficients
    return replace(result, shift=bias, border=border)


def dense(writer, call, x):
    """Rule of Dense: folds scales and shifts."""
    if x.border or x.padding is not None:
        x = writer.plain(x)
    kernel, bias = _with_following_norms(writer, call)
    return _linear(writer, call, x, kernel * x.scale[:, None], bias + x.shift @ kernel)


def norm(writer, call, x):
    """Rule of BatchNormalization: it becomes a pending scale and shift."""
    if call in writer.folded:
        return x
    if not is_last(call.operation.axis, call.outputs):
        return None
    x = x if x.padding is None else writer.plain(x)
    return x.affine(*norm_scale_shift(call.operation))


def zero_padding(writer, call, x):
    """Rule of ZeroPadding2D: the zeros stay pending until the convolution."""
    if call.operation.data_format != "channels_last" or x.padding is not None:
        return None
    return replace(x, padding=call.operation.padding)


def concatenation(writer, call, xs):
    """Rule of Concatenate: the tensors stay separate until a layer needs one tensor."""
    if not joins_channels(call) or any(x.padding is not None for x in xs):
        return None
    return concatenate(xs, call.name)


def get_item(writer, call, x, key):
    """Rule of slices of channels: nothing is cut until a layer needs the part."""
    if not joins_channels(call) or x.padding is not None:
        return None
    start, stop, _ = key[-1].indices(x.channels)
    return x.channels_between(start, stop)


def through(writer, call, x):
    """Rule of layers that commute with scales and shifts of channels."""
    if x.padding is not None or x.border or call.outputs.shape[-1] != x.channels:
        return None
    return writer.keep(call, x.bare()).affine(x.scale, x.shift)


def average_pooling(writer, call, x):
    """Rule of AveragePooling2D: it commutes with scales and shifts unless it pads."""
    return through(writer, call, x) if call.operation.padding == "valid" else None


def reshape(writer, call, x):
    """Rule of reshaping layers: between images of one pixel and vectors they commute."""
    one_pixel = all(side == 1 for side in call.inputs[0].shape[1:-1])
    return through(writer, call, x) if one_pixel and len(call.outputs.shape) in (2, 4) else None


def nothing(writer, call, x):
    """Rule of layers that do nothing at inference."""
    return x


RULES = {
    L.AveragePooling2D: average_pooling,
    L.BatchNormalization: norm,
    L.Concatenate: concatenation,
    L.Conv2D: convolution,
    L.Dense: dense,
    L.DepthwiseConv2D: depthwise,
    L.Dropout: through,
    L.Flatten: reshape,
    L.GlobalAveragePooling2D: through,
    L.Identity: nothing,
    L.Reshape: reshape,
    L.ZeroPadding2D: zero_padding,
    operation_class("Concatenate"): concatenation,
    operation_class("ConvertToTensor"): nothing,
    GET_ITEM: get_item,
}


def _linear(writer, call, x, kernel, bias):
    """Writes a linear layer with new weights on the bare tensor of `x`."""
    layer = call.operation
    copy = writer.copy(layer, use_bias=bool(layer.use_bias or bias.any()))
    weights = (kernel, bias) if copy.use_bias else (kernel,)
    output = call_with_weights(copy, writer.tensor(x.bare()), *weights)
    return Signal.of(output, x.grid if _keeps_size(layer, x) else None, call.name)


def _pointwise(writer, call, x, kernel, bias, borders):
    """Writes a 1x1 convolution of parts and of maps of the border, as the policy chooses."""
    layer, policy = call.operation, writer.policy
    if borders and (policy["border"] == "channels" or not _is_linear(layer)):
        maps = [Signal.of(writer.outside_maps(key)) for key in borders]
        x = replace(concatenate([x, *maps], x.name), grid=x.grid)
        kernel = np.concatenate([kernel, *(rows[None, None] for rows in borders.values())], axis=2)
        borders = {}
    terms = []
    if len(x.parts) > 1 and _is_linear(layer) and policy["join"] == "split":
        for part, rows in zip(x.parts, x.split(kernel, axis=2), strict=True):
            terms.append(_linear(writer, call, x.with_parts([part]), rows, bias))
            bias = np.zeros_like(bias)
    else:
        terms.append(_linear(writer, call, x, kernel, bias))
    for key, rows in borders.items():
        conv = writer.new(conv2d, f"{call.name}_border", len(bias))
        maps = call_with_weights(conv, writer.outside_maps(key), rows[None, None])
        terms.append(Signal.of(maps))
    if len(terms) == 1:
        return terms[0]
    add = writer.new(L.Add, f"{call.name}_add")
    output = add([writer.tensor(term) for term in terms])
    return Signal.of(output, x.grid, call.name)


def _depthwise(writer, call, x, kernel, bias):
    """Writes a depthwise convolution, of each part on its own if the policy says so."""
    strided = call.operation.strides != (1, 1)
    if len(x.parts) == 1 or not strided or writer.policy["downsample"] == "joined":
        return _linear(writer, call, x, kernel, bias)
    biases = bias.reshape(kernel.shape[2:])
    outputs = [
        _linear(writer, call, x.with_parts([part]), rows, shifts.ravel())
        for part, rows, shifts in zip(
            x.parts, x.split(kernel, axis=2), x.split(biases), strict=True
        )
    ]
    joined = writer.tensor(concatenate(outputs, f"{call.name}_concat"))
    return Signal.of(joined, outputs[0].grid, call.name)


def _with_following_norms(writer, call):
    """Returns kernel and bias of a linear layer with the normalizations after it folded in."""
    layer = call.operation
    kernel = np.asarray(layer.kernel, "float64")
    bias = np.asarray(layer.bias, "float64") if layer.use_bias else 0.0
    channels = call.outputs.shape[-1]
    of_outputs = kernel.shape[2:] if isinstance(layer, L.DepthwiseConv2D) else (channels,)
    bias = bias + np.zeros(channels)
    norm = writer.graph.sole_user(call.outputs) if _is_linear(layer) else None
    while norm is not None and type(norm.operation) is L.BatchNormalization:
        if not is_last(norm.operation.axis, norm.outputs):
            break
        writer.folded.add(norm)
        scale, shift = norm_scale_shift(norm.operation)
        kernel, bias = kernel * scale.reshape(of_outputs), bias * scale + shift
        norm = writer.graph.sole_user(norm.outputs)
    return kernel, bias


def _border(writer, x, layer, kernel, output):
    """Returns the key of the maps and the coefficients for a shift before a padding depthwise."""
    coefficients = outside_response(kernel, x.shift)
    source, strides = x.parts[0].tensor, layer.strides[0]
    key = (x.grid, strides)
    if strides == 2 and None not in source.shape[1:3]:
        coefficients = at_output_size(coefficients, *source.shape[1:3])
        source, strides, key = output.parts[0].tensor, 1, (output.grid, 1)
    writer.map_sources.setdefault(key, (source, strides))
    return key, coefficients


def _widened(x, kernel):
    """Replaces large parts of tensors by whole tensors, with zero rows in a 1x1 kernel."""
    parts, rows = [], []
    for part, block in zip(x.parts, x.split(kernel, axis=2), strict=True):
        total = part.tensor.shape[-1]
        if not part.is_whole and part.stop - part.start >= MIN_SHARE * total:
            before_after = (part.start, total - part.stop)
            block = np.pad(block, ((0, 0), (0, 0), before_after, (0, 0)))
            part = Part(part.tensor, 0, total)
        parts.append(part)
        rows.append(block)
    return x.with_parts(parts), np.concatenate(rows, axis=2)


def _is_linear(layer) -> bool:
    return layer.activation is keras.activations.linear


def _pads_by_one(layer, x) -> bool:
    """Returns whether a depthwise convolution is a 3x3 that pads one zero on all four sides."""
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
