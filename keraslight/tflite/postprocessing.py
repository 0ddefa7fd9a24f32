"""Puts decoding and non-maximum suppression into the .tflite file of a detector.

The operation is TFLite_Detection_PostProcess, which every build of TensorFlow Lite and LiteRT
carries. It computes in float32, so an int8 file gets a dequantization before it. It is a custom
operation that no delegate takes: the delegates take what is before it, and it runs on the CPU.
"""

import numpy as np

from keraslight.boxes.geometry import SCALES
from keraslight.boxes.suppression import IOU_THRESHOLD, MAX_DETECTIONS, SCORE_THRESHOLD
from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema

OPERATION = "TFLite_Detection_PostProcess"
# the outputs in the order of the operation, by the names that Android's tools know
OUTPUTS = ("location", "category", "score", "number of detections")


def with_postprocessing(
    content: bytes,
    anchors: np.ndarray,
    max_detections: int = MAX_DETECTIONS,
    score_threshold: float = SCORE_THRESHOLD,
    iou_threshold: float = IOU_THRESHOLD,
) -> bytes:
    """Returns the file of a detector with decoding and non-maximum suppression inside.

    The new file has four float32 outputs: boxes `(1, max_detections, 4)`, `(ymin, xmin, ymax,
    xmax)` in shares of the picture; the index of each one's class; its score; and the number of
    boxes that count. They are what `keraslight.boxes.suppress` returns.

    Args:
        content: the file, whose two outputs are offsets of shape `(1, anchors, 4)` and logits of
            shape `(1, anchors, classes)`, float32 or int8.
        anchors: array of shape `(anchors, 4)`, `(y, x, height, width)`.
        max_detections: int.
        score_threshold: float, the least score.
        iou_threshold: float, the greatest overlap of two boxes of one class.

    Raises:
        ValueError: if the file is not such a detector.
    """
    schema, model = tflite_schema(), flatbuffer.read(content)
    graph = model.subgraphs[0]
    anchors = np.ascontiguousarray(anchors, "float32")
    shapes = [list(map(int, graph.tensors[index].shape)) for index in graph.outputs]
    if [shape[:2] for shape in shapes] != [[1, len(anchors)]] * 2 or shapes[0][2:] != [4]:
        raise ValueError(
            f"The file must return offsets of shape (1, {len(anchors)}, 4) and logits of shape "
            f"(1, {len(anchors)}, classes), one for each anchor. Received: outputs of the shapes "
            f"{shapes}"
        )
    classes = shapes[1][2]
    editor = _Editor(model, schema)
    boxes, logits = (editor.dequantized(int(index)) for index in graph.outputs)
    scores = editor.tensor("probabilities", shapes[1])
    editor.operator("LOGISTIC", [logits], [scores])
    found = [
        editor.tensor(name, shape)
        for name, shape in zip(
            OUTPUTS,
            ([1, max_detections, 4], [1, max_detections], [1, max_detections], [1]),
            strict=True,
        )
    ]
    options = {
        "max_detections": int(max_detections),
        "max_classes_per_detection": 1,
        "detections_per_class": int(max_detections),
        "use_regular_nms": True,
        "nms_score_threshold": float(score_threshold),
        "nms_iou_threshold": float(iou_threshold),
        "num_classes": classes,
        **dict(zip(("y_scale", "x_scale", "h_scale", "w_scale"), SCALES, strict=True)),
    }
    constant = editor.tensor("anchors", list(anchors.shape), anchors.tobytes())
    editor.operator(OPERATION, [boxes, scores, constant], found, options)
    graph.outputs = found
    return flatbuffer.with_signature(
        flatbuffer.write(model), [_text(graph.tensors[i].name) for i in graph.inputs], list(OUTPUTS)
    )


class _Editor:
    """Adds tensors and operators to the first graph of a file."""

    def __init__(self, model, schema):
        self.model, self.schema, self.graph = model, schema, model.subgraphs[0]

    def tensor(self, name, shape, content=None):
        """Adds a float32 tensor, a constant if it has content, and returns its index."""
        buffer = self.schema.BufferT()
        if content is not None:
            buffer.data = np.frombuffer(content, "uint8")
        self.model.buffers.append(buffer)
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape = name, shape
        tensor.type, tensor.buffer = self.schema.TensorType.FLOAT32, len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def dequantized(self, index):
        """Returns the index of a float32 tensor of what a tensor stands for."""
        tensor = self.graph.tensors[index]
        if tensor.type == self.schema.TensorType.FLOAT32:
            return index
        real = self.tensor(f"{_text(tensor.name)}_float", list(tensor.shape))
        self.operator("DEQUANTIZE", [index], [real])
        return real

    def operator(self, name, inputs, outputs, custom_options=None):
        operator = self.schema.OperatorT()
        operator.opcodeIndex = self._code(name, custom=custom_options is not None)
        operator.inputs, operator.outputs = inputs, outputs
        if custom_options is not None:
            from flatbuffers import flexbuffers

            operator.customOptions = np.frombuffer(flexbuffers.Dumps(custom_options), "uint8")
        self.graph.operators.append(operator)

    def _code(self, name, custom):
        code = self.schema.OperatorCodeT()
        builtin = self.schema.BuiltinOperator
        number = builtin.CUSTOM if custom else getattr(builtin, name)
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.customCode = name if custom else None
        # that of DEQUANTIZE for int8; the others have one for float32
        code.version = 2 if name == "DEQUANTIZE" else 1
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1


def _text(name):
    return name.decode() if isinstance(name, bytes) else name
