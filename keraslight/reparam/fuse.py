"""Writes a model in inference form: every foldable normalization folded, built-in layers only."""

import os

import keras
import numpy as np

from keraslight.graph.graph import trace
from keraslight.graph.policy import Policy, policy_for
from keraslight.reparam.rules import RULES
from keraslight.reparam.signal import Signal
from keraslight.reparam.writer import FusedWriter

CHECK_BATCH = 2
CHECK_SIZE = 64


def fuse(
    model: keras.Model,
    target: str | os.PathLike | Policy = "int8",
    tolerance: float = 1e-4,
) -> keras.Model:
    """Returns the same function in inference form, made of built-in Keras layers.

    Our layers are replaced by what they amount to at inference, branches by one convolution. Every
    BatchNormalization is folded with its moving statistics: into the convolution or dense layer
    before it or, where an activation stands between, into the linear layers after it. Where such a
    layer pads with zeros the border of the image would come out wrong; there the fused model adds
    eight constant maps or, for `"float"`, what is missing before the padding, so that it is exact
    at any input size.

    The model is not changed and shares nothing with the fused one, which computes in float32. The
    fused model's `.keras` file can be loaded where keraslight is not installed.

    Args:
        model: a functional or Sequential model that holds layers of ours, BatchNormalizations
            or both. Layers that are neither ours nor built-in are kept as they are.
        target: which of several equal forms to write: those that are fastest in `"int8"`, which
            are not bad in float32 either, or those fastest in `"float"`; or the path of a policy
            that `python -m tflite.tune` measured on another machine.
        tolerance: float, the greatest difference allowed on a random batch between the outputs of
            the two models, relative to the largest output.

    Returns:
        A functional `keras.Model` with the inputs and outputs of `model`.

    Raises:
        ValueError: if `model` is neither functional nor Sequential, if it holds nothing to fuse, or
            if the fused model differs by more than `tolerance`.

    Example:
    >>> block = keraslight.layers.RepVGGBlock(4, name="block")
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), block])
    >>> [layer.name for layer in keraslight.fuse(model).layers[1:]]
    ['block_conv', 'block_act']

    Reference:
        RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021, section 3.3
        (https://arxiv.org/abs/2101.03697), for folding; `keraslight/reparam/border.py` derives the
        maps.
    """
    policy = policy_for(target)
    graph = trace(model, policy=policy)
    if not graph.written_out and not any(
        isinstance(call.operation, keras.layers.BatchNormalization) for call in graph.calls
    ):
        raise ValueError(
            "There is nothing to fuse: the model holds no layer of keraslight and no "
            f"BatchNormalization. Received: model={model!r}"
        )
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), graph.inputs
    )
    writer = FusedWriter(graph, policy, RULES)
    outputs = graph.run([Signal.of(x) for x in keras.tree.flatten(inputs)], writer.write)
    outputs = keras.tree.map_structure(writer.tensor, outputs)
    fused = keras.Model(inputs, outputs, name=f"{model.name}_fused")
    _check(model, fused, tolerance)
    return fused


def random_batch(model: keras.Model, batch: int = CHECK_BATCH):
    """Returns random inputs for a model, in its structure; sides of any size are set to 64."""
    rng = np.random.default_rng(0)

    def draw(tensor):
        shape = [batch if tensor.shape[0] is None else tensor.shape[0]]
        shape += [CHECK_SIZE if side is None else side for side in tensor.shape[1:]]
        if "int" in tensor.dtype:
            return rng.integers(0, 2, shape).astype(tensor.dtype)
        return rng.normal(0, 1, shape).astype(tensor.dtype)

    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return keras.tree.map_structure(draw, inputs)


def _check(model, fused, tolerance):
    batch = random_batch(model)
    expected, received = (
        [keras.ops.convert_to_numpy(y) for y in keras.tree.flatten(m(batch, training=False))]
        for m in (model, fused)
    )
    for index, (y, z) in enumerate(zip(expected, received, strict=True)):
        error = np.abs(y.astype("float64") - z).max() / max(np.abs(y).max(), 1e-30)
        if not error <= tolerance:
            raise ValueError(
                f"The fused model was refused: output {index} differs by {error:.2g} of its "
                f"largest value on a random batch. Received: tolerance={tolerance}; raise it if "
                "the model amplifies rounding errors, else look for NaN or tiny variances."
            )
