"""Attention in int8."""

import math

import keras

from keraslight.compat import operation_class
from keraslight.quantization.op import Op
from keraslight.quantization.ops.softmax import write_softmax

__all__ = ["DotProductAttentionOp"]

ops = keras.ops


class DotProductAttentionOp(Op):
    """`keras.ops.dot_product_attention` without a mask.

    It is written as two products of matrices with a softmax between them.
    """

    classes = (operation_class("DotProductAttention"),)

    def refusal(self, call):
        _, _, _, _, mask, _ = _arguments(*call.args, **call.kwargs)
        if mask is not None or call.operation.is_causal:
            return "attention has one without a mask, and without is_causal=True"
        if call.operation.attn_logits_soft_cap is not None:
            return "attention has one without attn_logits_soft_cap"
        return None

    def rewrite(self, writer, call, *args, **kwargs):
        query, key, value, bias, _, scale = _arguments(*args, **kwargs)
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
            bias = getattr(bias, "tensor", bias)
            scores = writer.new_range(scores.tensor + bias, f"{name}_bias", clips=False)
        shares = write_softmax(writer, f"{name}_shares", scores)
        tensor = ops.matmul(shares.tensor, ops.transpose(value, (0, 2, 1, 3)))
        result = writer.output(call, tensor)
        return result.with_tensor(ops.transpose(result.tensor, (0, 2, 1, 3)))


def _arguments(query, key, value, bias=None, mask=None, scale=None):
    return query, key, value, bias, mask, scale


def _repeated(tensor, heads):
    """Returns keys or values with each head repeated for a group of heads of the queries."""
    count = heads // tensor.shape[2]
    return tensor if count == 1 else ops.repeat(tensor, count, axis=2)
