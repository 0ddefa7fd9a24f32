"""What a model costs: multiply-adds."""

import math

import keras

from keraslight.graph.graph import trace


def count_macs(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> int:
    """Counts the multiply-adds of one example: convolutions (fixed kernels too) and dense layers.

    Args:
        model: a functional model with one input, ours or any other, before or after `fuse()`.
        input_shape: `(height, width, channels)`, needed where the model takes any size.

    Returns:
        An int. Additions, activations, poolings and normalizations are not counted.

    Raises:
        ValueError: if the size of the input is not known.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    >>> keraslight.count_macs(model)
    3888
    """
    return sum(_macs(call) for call in _calls(model, input_shape))


def summary_table(*models: keras.Model, input_shape: tuple[int, ...] | None = None) -> str:
    """Compares models by what they cost, such as one before and after `fuse()`.

    Args:
        *models: functional models with one input.
        input_shape: `(height, width, channels)`, needed where the models take any size.

    Returns:
        A Markdown table: parameters, layers (those inside our blocks one by one), multiply-adds.

    Example:
    >>> block = keraslight.layers.RepVGGBlock(4)
    >>> model = keras.Sequential([keras.Input((8, 8, 4)), block], name="block")
    >>> print(keraslight.summary_table(model, keraslight.fuse(model)))
    | model | parameters | layers | MACs |
    | --- | ---: | ---: | ---: |
    | block | 208 | 6 | 10,240 |
    | block_fused | 148 | 2 | 9,216 |
    """
    lines = ["| model | parameters | layers | MACs |", "| --- | ---: | ---: | ---: |"]
    for model in models:
        calls = _calls(model, input_shape)
        layers = sum(isinstance(call.operation, keras.layers.Layer) for call in calls)
        macs = sum(map(_macs, calls))
        lines.append(f"| {model.name} | {model.count_params():,} | {layers:,} | {macs:,} |")
    return "\n".join(lines)


def _calls(model, input_shape):
    shape = tuple(model.inputs[0].shape[1:] if input_shape is None else input_shape)
    if None in shape:
        raise ValueError(
            "The model takes any size: pass input_shape=(height, width, channels). "
            f"Received: input_shape={shape}"
        )
    return trace(model, "inline", shape).calls


def _macs(call):
    kind = type(call.operation).__name__
    if kind in ("Conv2D", "DepthwiseConv2D", "Dense"):
        kernel = call.operation.kernel
    elif kind in ("Conv", "DepthwiseConv", "Matmul"):
        kernel = call.args[1]
    else:
        return 0
    per_output = math.prod(kernel.shape[: 2 if kind.startswith("Depthwise") else -1])
    return math.prod(call.outputs.shape[1:]) * per_output
