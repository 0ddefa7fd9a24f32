"""Computes a ReLU that a model computes several times once.

The converter of TFLite merges equal operations on one tensor. Two ReLUs of a convolution, each the
first layer of another branch, become one, which it fuses with the convolution: then the sums are
rounded once. The model must compute one ReLU too, or it rounds them twice.
"""

from collections.abc import Collection
from dataclasses import replace

import keras

from keraslight.graph.graph import Graph
from keraslight.quantization.activation_op import ActivationOp
from keraslight.quantization.ops import op_of


def without_repeats(graph: Graph, keep: Collection[str] = ()) -> Graph:
    """Returns a graph that computes the ReLU of a tensor once, however often the model does.

    Args:
        graph: the graph of a fused model. It is not changed.
        keep: names of layers that are left alone.
    """
    calls, first, merged = [], {}, {}

    def substitute(leaf):
        return merged.get(id(leaf), leaf) if isinstance(leaf, keras.KerasTensor) else leaf

    for call in graph.calls:
        args, kwargs = keras.tree.map_structure(substitute, (call.args, call.kwargs))
        call = replace(call, args=args, kwargs=kwargs)
        op = op_of(call)
        if isinstance(op, ActivationOp) and op.fused and call.name not in keep:
            before = first.setdefault((op, id(call.inputs[0])), call)
            if before is not call:
                merged[id(call.outputs)] = before.outputs
                continue
        calls.append(call)
    outputs = keras.tree.map_structure(substitute, graph.outputs)
    return Graph(graph.inputs, outputs, calls, graph.written_out, graph.unreadable)
