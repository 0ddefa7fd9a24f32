"""Attention in int8."""

import math

import keras
import numpy as np

from keraslight.compat import operation_class
from keraslight.quantization.op import Op
from keraslight.quantization.ops.masks import write_masked
from keraslight.quantization.ops.softmax import write_softmax

__all__ = ["DotProductAttentionOp"]

ops = keras.ops


class DotProductAttentionOp(Op):
    """`keras.ops.dot_product_attention`, causal or with a constant mask.

    It is written as two products of matrices with a softmax between them.
    """

    classes = (operation_class("DotProductAttention"),)

    def refusal(self, call):
        _, _, _, _, mask, _ = _arguments(*call.args, **call.kwargs)
        if isinstance(mask, keras.KerasTensor):
            return "attention has one with a mask that is a constant"
        if call.operation.attn_logits_soft_cap is not None:
            return "attention has one without attn_logits_soft_cap"
        return None

    def rewrite(self, writer, call, *args, **kwargs):
        query, key, value, bias, mask, scale = _arguments(*args, **kwargs)
        allowed = _allowed(call, query.tensor.shape[1], key.tensor.shape[1], mask)
        if scale is None:
            scale = 1 / math.sqrt(query.tensor.shape[-1])
        heads = query.tensor.shape[2]
        key, value = (_repeated(x.tensor, heads) for x in (key, value))
        name = call.name
        scaled = writer.new_range(query.tensor * float(scale), f"{name}_query", clips=False)
        scores = ops.matmul(
            ops.transpose(scaled.tensor, (0, 2, 1, 3)), ops.transpose(key, (0, 2, 3, 1))
        )
        scores = writer.new_range(scores, f"{name}_scores", clips=False)
        if bias is not None:
            total = scores.tensor + getattr(bias, "tensor", bias)
            scores = writer.new_range(total, f"{name}_bias", clips=False)
        if allowed is not None:
            scores = write_masked(writer, f"{name}_mask", scores, allowed)
        shares = write_softmax(writer, f"{name}_shares", scores)
        tensor = ops.matmul(shares.tensor, ops.transpose(value, (0, 2, 1, 3)))
        result = writer.output(call, tensor)
        return result.with_tensor(ops.transpose(result.tensor, (0, 2, 1, 3)))


def _allowed(call, queries, keys, mask) -> np.ndarray | None:
    """Returns which keys each query may look at, or `None` if it may look at all."""
    allowed = None if mask is None else ops.convert_to_numpy(mask).astype(bool)
    if not call.operation.is_causal:
        return allowed
    if queries is None or keys is None:
        raise ValueError(
            f"int8 writes the causal mask of '{call.name}' as a constant, which needs sequences of "
            "a fixed length: give keras.Input a size, or keep the layer in float32 with "
            f"`keep_float`. Received: {queries} queries and {keys} keys"
        )
    causal = np.tri(queries, keys, dtype=bool)
    return causal if allowed is None else allowed & causal


def _arguments(query, key, value, bias=None, mask=None, scale=None):
    return query, key, value, bias, mask, scale


def _repeated(tensor, heads):
    """Returns keys or values with each head repeated for a group of heads of the queries."""
    count = heads // tensor.shape[2]
    return tensor if count == 1 else ops.repeat(tensor, count, axis=2)
