"""Changes the graph of a .tflite file: other outputs, other classes, pixels as input.

The functions change the objects of the schema and return the graph anew. The model is then built
from the changed graph, and the changed graph is what is written again.
"""

import math
from collections.abc import Sequence

import numpy as np

from keraslight.text import listed, printable
from keraslight.tflite import flatbuffer
from keraslight.tflite.file_graph import FileGraph, FileTensor, text_of
from keraslight.tflite.schema import tflite_schema
from keraslight.tflite_import.readers import READERS

# operators between the last layer with weights and the output that keep the classes apart
AFTER_HEAD = ("DEQUANTIZE", "LOGISTIC", "QUANTIZE", "RESHAPE", "SOFTMAX", "SQUEEZE")
HEADS = ("CONV_2D", "FULLY_CONNECTED")
STEPS = 127


def cut(graph: FileGraph, outputs: Sequence[str]) -> FileGraph:
    """Returns a graph that ends at other tensors, without what they do not need.

    Args:
        graph: the graph.
        outputs: names of tensors of the file, or of operators as `load_tflite` names their layers,
            such as `"conv_2d_3"`.

    Raises:
        ValueError: if there is no such tensor, or it is not computed from the input.
    """
    tensors = [_tensor_of(graph, name) for name in outputs]
    needed, pending = set(), list(tensors)
    while pending:
        op = graph.writer(pending.pop())
        if op is not None and op.place not in needed:
            needed.add(op.place)
            pending += [tensor for tensor in op.inputs if tensor is not None]
    if any(graph.writer(tensor) is None for tensor in tensors):
        raise ValueError(f"An output must be computed by an operator. Received: {list(outputs)}")
    source = graph.model.subgraphs[0]
    source.outputs = np.array([tensor.index for tensor in tensors], "int32")
    source.operators = [op for place, op in enumerate(source.operators) if place in needed]
    return _without_unused(graph)


def _tensor_of(graph, name) -> FileTensor:
    for tensor in graph.tensors:
        if tensor.name == name:
            return tensor
    for op in graph.operators:
        if f"{op.kind.lower()}_{op.place}" == name:
            return op.outputs[0]
    names = [tensor.name for op in graph.operators for tensor in op.outputs]
    raise ValueError(
        f"The file has no tensor of that name. It has {listed(names)}. Received: {name!r}"
    )


def _without_unused(graph) -> FileGraph:
    """Drops the tensors and the constants that no operator reads, and signs the file anew."""
    model = graph.model
    source = model.subgraphs[0]
    ends = [*source.inputs, *source.outputs]
    used = {int(n) for op in source.operators for n in (*op.inputs, *op.outputs) if n >= 0}
    used = sorted(used | {int(n) for n in ends})
    places = {number: place for place, number in enumerate(used)}
    places[-1] = -1
    source.tensors = [source.tensors[number] for number in used]

    def moved(numbers):
        return np.array([places[int(number)] for number in numbers], "int32")

    for op in source.operators:
        op.inputs, op.outputs = moved(op.inputs), moved(op.outputs)
        op.intermediates = None
    source.inputs, source.outputs = moved(source.inputs), moved(source.outputs)
    kept = {tensor.buffer for tensor in source.tensors}
    kept |= {entry.buffer for entry in model.metadata or ()}
    for number, buffer in enumerate(model.buffers):
        if number not in kept:
            buffer.data = None
    return signed(model, graph.files)


def signed(model, files) -> FileGraph:
    """Returns the graph of changed objects, with a signature for its inputs and outputs."""
    source = model.subgraphs[0]
    names = [
        [_name(source.tensors[number], number) for number in numbers]
        for numbers in (source.inputs, source.outputs)
    ]
    flatbuffer.sign(model, *names)
    return FileGraph(model, files)


def _name(tensor, number):
    return text_of(tensor.name) or f"tensor_{number}"


def with_classes(graph: FileGraph, classes: int, seed: int = 0) -> FileGraph:
    """Returns a graph whose last layer with weights has other classes and drawn weights.

    The range of the logits stays that of the old ones.

    Args:
        graph: the graph of a classifier.
        classes: int, the number of classes.
        seed: int, of the weights.

    Raises:
        ValueError: if the file has more outputs, or they do not come from a dense layer or a
            convolution.
    """
    if classes < 1 or len(graph.outputs) != 1:
        raise ValueError(
            "New classes need a file of one output, and at least one class. "
            f"Received: classes={classes}, {len(graph.outputs)} outputs"
        )
    tensor, after = graph.outputs[0], [graph.outputs[0]]
    op = graph.writer(tensor)
    chain = []
    while op is not None and op.kind in AFTER_HEAD:
        chain.append(op)
        tensor = op.inputs[0]
        after.append(tensor)
        op = graph.writer(tensor)
    kernel = None if op is None or op.kind not in HEADS else READERS[op.kind].tensors(op)[1]
    if kernel is None or kernel.values is None or len(graph.readers(kernel)) > 1:
        found = "no operator" if op is None else str(op)
        raise ValueError(
            "The classes must come from a dense layer or a convolution, with a softmax or a change "
            f"of shape after it. Received: {found}"
        )
    bias = READERS[op.kind].tensors(op)[2]
    old = kernel.values.shape[0]
    _draw(graph.model, kernel, bias, classes, seed)
    source = graph.model.subgraphs[0]
    for tensor in after:
        _set_last_side(source.tensors[tensor.index], old, classes)
    for op in chain:
        _set_shape_operand(graph.model, op, old, classes)
    return signed(graph.model, graph.files)


def _draw(model, kernel, bias, classes, seed):
    """Gives the kernel and the bias of a last layer their new sizes and weights (Glorot)."""
    tensors = model.subgraphs[0].tensors
    shape = (classes, *kernel.values.shape[1:])
    fan_in = math.prod(shape[1:])
    limit = math.sqrt(6 / (fan_in + classes))
    weights = np.random.default_rng(seed).uniform(-limit, limit, shape)
    written = tensors[kernel.index]
    if kernel.is_quantized:
        step = np.float32(limit / STEPS)
        count = classes if len(kernel.scale) > 1 else 1
        zero_point = 128 if kernel.type == "UINT8" else 0
        written.quantization.scale = np.full(count, step)
        written.quantization.zeroPoint = np.full(count, zero_point, "int64")
        written.quantization.min = written.quantization.max = None
        weights = np.round(weights / step) + zero_point
    set_values(model, written, weights.astype(kernel.values.dtype))
    if bias is not None and bias.values is not None:
        written_bias = tensors[bias.index]
        set_values(model, written_bias, np.zeros(classes, bias.values.dtype))
        if bias.scale is not None:
            written_bias.quantization.scale = np.full(
                classes if len(bias.scale) > 1 else 1, written.quantization.scale[0]
            )
            written_bias.quantization.zeroPoint = np.zeros(
                len(written_bias.quantization.scale), "int64"
            )


def set_values(model, tensor, values: np.ndarray) -> None:
    """Gives a constant of a file other values, in a buffer of its own."""
    buffer = tflite_schema().BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), "uint8")
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
    tensor.shape = np.array(values.shape, "int32")
    tensor.shapeSignature = None


def _set_last_side(tensor, old, new):
    for name in ("shape", "shapeSignature"):
        sides = getattr(tensor, name)
        if sides is not None and len(sides):
            sides = [int(side) for side in sides]
            places = [place for place, side in enumerate(sides) if side == old]
            if places:
                sides[places[-1]] = new
            setattr(tensor, name, np.array(sides, "int32"))


def _set_shape_operand(model, op, old, new):
    """Changes the number of classes where a reshaping operator states its target."""
    if op.kind != "RESHAPE":
        return
    if getattr(op.options, "newShape", None) is not None:
        op.options.newShape = [new if side == old else int(side) for side in op.options.newShape]
    if len(op.inputs) > 1 and op.inputs[1] is not None and op.inputs[1].values is not None:
        values = op.inputs[1].values.copy()
        values[values == old] = new
        set_values(model, model.subgraphs[0].tensors[op.inputs[1].index], values)


def with_pixels(graph: FileGraph, mean, std) -> FileGraph:
    """Returns a graph that takes pixels from 0 to 255 as uint8, and normalizes them itself.

    A depthwise convolution of one pixel computes `(pixel - mean) / std`, with a step of its own for
    each channel, and rounds to the codes that the file takes.

    Args:
        graph: the graph of a file with one int8, uint8 or quantized float input.
        mean: number, or one for each channel, of pixels from 0 to 255.
        std: likewise.

    Raises:
        ValueError: if the file has more inputs or its input is not an image of codes.
    """
    model = graph.model
    source = model.subgraphs[0]
    (tensor, *others), op = graph.inputs, None
    readers = graph.readers(tensor)
    if tensor.type == "FLOAT32" and len(readers) == 1 and readers[0].kind == "QUANTIZE":
        op = readers[0]
        tensor = op.outputs[0]
    if others or tensor.grid is None or len(tensor.shape) != 4:
        raise ValueError(
            "Pixels need a file with one input, an image of int8 or uint8. "
            f"Received: '{printable(tensor.name)}' of {tensor.type}, shape {tensor.shape}"
        )
    if op is not None:
        source.operators.remove(source.operators[op.place])
    channels = tensor.shape[-1]
    mean, std = (np.broadcast_to(np.asarray(x, "float64"), channels) for x in (mean, std))
    shape = [1, *(int(side) for side in tensor.shape[1:])]
    pixels = _new_tensor(model, "pixels", "UINT8", shape, [1.0], [0])
    signed_pixels = _new_tensor(model, "pixels_int8", "INT8", shape, [1.0], [-128])
    step = (1 / (STEPS * std)).astype("float32")
    kernel = _new_tensor(model, "normalization", "INT8", None, step, [0] * channels, axis=3)
    set_values(model, source.tensors[kernel], np.full((1, 1, 1, channels), STEPS, "int8"))
    bias = _new_tensor(model, "normalization_bias", "INT32", None, step, [0] * channels)
    values = np.round(-mean / std / step.astype("float64")).astype("int32")
    set_values(model, source.tensors[bias], values)
    scale, zero_point = tensor.grid
    normal, after = tensor.index, []
    if tensor.type == "UINT8":
        normal = _new_tensor(model, "normalized", "INT8", shape, [scale], [zero_point])
        after = [_operator(model, "QUANTIZE", 2, None, [normal], [tensor.index])]
    options = tflite_schema().DepthwiseConv2DOptionsT()
    options.padding = tflite_schema().Padding.VALID
    options.strideW = options.strideH = options.depthMultiplier = 1
    options.dilationWFactor = options.dilationHFactor = 1
    before = [
        _operator(model, "QUANTIZE", 2, None, [pixels], [signed_pixels]),
        _operator(model, "DEPTHWISE_CONV_2D", 3, options, [signed_pixels, kernel, bias], [normal]),
    ]
    source.operators = [*before, *after, *source.operators]
    source.inputs = np.array([pixels], "int32")
    return signed(model, graph.files)


def _new_tensor(model, name, kind, shape, scale, zero_point, axis=0) -> int:
    """Adds a tensor to a file and returns its place."""
    schema = tflite_schema()
    tensor = schema.TensorT()
    tensor.name, tensor.type = name, getattr(schema.TensorType, kind)
    tensor.shape = None if shape is None else np.array(shape, "int32")
    tensor.buffer = 0
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = np.asarray(scale, "float32")
    tensor.quantization.zeroPoint = np.asarray(zero_point, "int64")
    tensor.quantization.quantizedDimension = axis
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def _operator(model, kind, version, options, inputs, outputs):
    """Returns an operator, whose kind it adds to the file."""
    schema = tflite_schema()
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    model.operatorCodes.append(code)
    op = schema.OperatorT()
    op.opcodeIndex = len(model.operatorCodes) - 1
    op.inputs, op.outputs = np.array(inputs, "int32"), np.array(outputs, "int32")
    if options is not None:
        op.builtinOptions = options
        name = type(options).__name__.removesuffix("T")
        op.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    return op


def with_input_shape(graph: FileGraph, shape: Sequence[int]) -> FileGraph:
    """Returns a graph whose first input has another size. Its other shapes are not set yet.

    Args:
        graph: the graph of a file of one input.
        shape: the shape without the batch.
    """
    (tensor, *others) = graph.inputs
    if others or len(shape) != len(tensor.shape) - 1 or shape[-1] != tensor.shape[-1]:
        raise ValueError(
            "`input_shape` must have the rank and the channels of the one input of the file. "
            f"Received: input_shape={tuple(shape)}, an input of {tensor.shape}"
        )
    written = graph.model.subgraphs[0].tensors[tensor.index]
    written.shape = np.array([1, *shape], "int32")
    written.shapeSignature = None
    return FileGraph(graph.model, graph.files)


def set_shapes(graph: FileGraph, shapes: dict[int, tuple]) -> None:
    """Sets the shapes of tensors of a graph whose input has another size."""
    for index, shape in shapes.items():
        written = graph.model.subgraphs[0].tensors[index]
        written.shape = np.array(shape, "int32")
        written.shapeSignature = None
