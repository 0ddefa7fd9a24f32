"""The file without its softmax, which hides most of an error of the logits.

A file whose weights are 1.3 times too large has the same best classes, and probabilities that
differ little. Its logits differ by 30 %.
"""

from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema


def without_softmax(content: bytes) -> bytes:
    """Returns a .tflite file that ends before the softmax.

    Args:
        content: a file of one output, which a softmax computes, and perhaps a conversion of its
            type.

    Raises:
        ValueError: if it has no softmax there.
    """
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    kinds = tflite_schema().BuiltinOperator
    tensor = graph.outputs[0]
    while True:
        last = next((op for op in graph.operators if tensor in op.outputs), None)
        kind = None if last is None else model.operatorCodes[last.opcodeIndex].builtinCode
        if kind not in (kinds.SOFTMAX, kinds.DEQUANTIZE, kinds.QUANTIZE):
            raise ValueError("The file must end in a softmax. Received: another last operator")
        graph.operators.remove(last)
        tensor = last.inputs[0]
        if kind == kinds.SOFTMAX:
            break
    graph.outputs = [int(tensor)]
    model.signatureDefs = []
    return flatbuffer.write(model)
