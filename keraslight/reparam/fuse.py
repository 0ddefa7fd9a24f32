"""Writes a model in inference form: every foldable normalization folded, built-in layers only."""

import os

import keras

from keraslight.graph.graph import trace
from keraslight.graph.policy import Policy, policy_for, warn_if_unmeasured
from keraslight.reparam.check import check_equal
from keraslight.reparam.rules import RULES
from keraslight.reparam.signal import Signal
from keraslight.reparam.writer import FusedWriter


class NothingToFuse(ValueError):
    """The model is as it would be after fusing."""


def fuse(
    model: keras.Model,
    target: str | os.PathLike | Policy = "int8",
    tolerance: float = 1e-4,
    data=None,
) -> keras.Model:
    """Returns the model in its form for inference, made of built-in Keras layers.

    - Every layer of keraslight is replaced by built-in layers that compute the same, for example
      its branches by one convolution.
    - Every BatchNormalization is folded, with its moving statistics, into the convolution or dense
      layer before it. Where an activation stands between, it is folded into the linear layers
      after it. If such a layer pads with zeros, the fused model also corrects the border of the
      image, so that it is exact there too, at any input size.
    - A layer of another library or of your own is replaced by what its `call` does, or by the form
      that `keraslight.register_deploy` has for it. Its weights become weights of built-in layers.
      If `call` cannot be read, the layer stays.

    The fused model is compared with the original before it is returned. The model is not changed
    and shares nothing with the fused one, which computes in float32. The `.keras` file of the fused
    model can be loaded where keraslight is not installed.

    Args:
        model: a functional or Sequential model that contains layers of keraslight or of others,
            or BatchNormalizations. Other layers are kept.
        target: which of several equal forms to write. `"int8"` or `"float"`: those that are good
            in int8 or in float32 on every machine that was measured. `"int8:amx"` and the like, see
            `keraslight.list_targets`: those that are fastest on one kind of machine. Or a `Policy`,
            or the path of a policy that `keraslight tune` measured elsewhere.
        tolerance: float, the largest difference allowed between the outputs of the two models,
            relative to the scale of each output channel.
        data: optional batch of inputs on which to compare the two models. Defaults to random
            batches.

    Returns:
        A functional `keras.Model` with the inputs and outputs of `model`.

    Raises:
        NothingToFuse: a `ValueError`, if `model` has no BatchNormalization and no layer that is
            replaced.
        ValueError: if `model` is neither functional nor Sequential, or if the fused model differs
            by more than `tolerance`.

    Example:
    >>> block = keraslight.layers.RepVGGBlock(4, name="block")
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), block])
    >>> [layer.name for layer in keraslight.fuse(model).layers[1:]]
    ['block_conv', 'block_act']

    Reference:
        RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021, section 3.3
        (https://arxiv.org/abs/2101.03697), for folding; `keraslight/reparam/border.py` derives the
        correction of the border.
    """
    policy = policy_for(target)
    graph = trace(model, policy=policy, custom_layers=True)
    if not graph.written_out and not any(
        isinstance(call.operation, keras.layers.BatchNormalization) for call in graph.calls
    ):
        raise NothingToFuse(
            "There is nothing to fuse: the model has no layer of keraslight and no "
            f"BatchNormalization. Use it as it is. Received: model={model!r}"
        )
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), graph.inputs
    )
    writer = FusedWriter(graph, policy, RULES)
    outputs = graph.run([Signal.of(x) for x in keras.tree.flatten(inputs)], writer.write)
    outputs = keras.tree.map_structure(writer.tensor, outputs)
    fused = keras.Model(inputs, outputs, name=f"{model.name}_fused")
    check_equal(model, fused, tolerance, data)
    warn_if_unmeasured(policy)
    return fused
