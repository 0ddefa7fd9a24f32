"""Operators that move values."""

import math

import keras
import numpy as np

from keraslight.tflite_import.layers.functions import StoredRescaling, StoredResizing, StoredTable
from keraslight.tflite_import.layers.selecting import StoredPad, Take
from keraslight.tflite_import.reader import Codes, NeedsBatch, Reader, Refused, activated

__all__ = [
    "BroadcastReader",
    "ConcatenationReader",
    "ExpandDimsReader",
    "GatherReader",
    "PackReader",
    "PadReader",
    "PixelShuffleReader",
    "ReshapeReader",
    "ResizeBilinearReader",
    "ResizeNearestReader",
    "ShapeReader",
    "SliceReader",
    "SplitReader",
    "StridedSliceReader",
    "TileReader",
    "TransposeReader",
    "UnpackReader",
]

L = keras.layers
ops = keras.ops


def constant(values, what: str) -> list[int]:
    """Returns the ints of a constant operand."""
    if not isinstance(values, np.ndarray):
        raise Refused(f"{what} is not constant")
    return [int(value) for value in values.ravel()]


def reshaped(build, op, x, shape: tuple):
    """Reshapes a tensor, its batch left open where the file's shape allows."""
    before, shape = build.shape(x), list(shape)
    if -1 in shape:
        known = math.prod(side for side in shape if side != -1)
        shape[shape.index(-1)] = math.prod(before) // max(known, 1)
    if math.prod(shape) != math.prod(before):
        raise Refused(f"it makes {before} the shape {tuple(shape)}")
    if build.batch is not None:
        return build.call(op, ops.reshape, x, tuple(shape))
    if not shape:
        raise NeedsBatch("it has no axis for the batch")
    if shape[0] == before[0]:
        return L.Reshape(shape[1:], name=build.name(op))(x)
    # the rows of an image stay together, so the batch goes along in the first axis
    outputs = build.call(op, ops.reshape, x, (-1, *shape[1:]))
    return build.with_leading(outputs, shape[0])


class ReshapeReader(Reader):
    """RESHAPE and SQUEEZE: the output's shape says all."""

    kinds = ("RESHAPE", "SQUEEZE")
    selecting = True

    def read(self, build, op, x, shape=None):
        if op.kind == "RESHAPE" and isinstance(shape, np.ndarray):
            return reshaped(build, op, x, tuple(int(side) for side in shape.ravel()))
        dims = getattr(op.options, "squeezeDims", None)
        if op.kind == "SQUEEZE" and dims is not None and len(dims):
            before = build.shape(x)
            dropped = {int(axis) % len(before) for axis in dims}
            kept = (side for axis, side in enumerate(before) if axis not in dropped)
            return reshaped(build, op, x, tuple(kept))
        target = tuple(1 if side is None else side for side in op.outputs[0].shape)
        return reshaped(build, op, x, target)

    def fold(self, op, x, shape=None):
        if op.kind == "RESHAPE" and shape is not None:
            return x.reshape([int(side) for side in shape.ravel()])
        return x.reshape([1 if side is None else side for side in op.outputs[0].shape])


class ExpandDimsReader(Reader):
    """EXPAND_DIMS."""

    kinds = ("EXPAND_DIMS",)
    selecting = True

    def read(self, build, op, x, axis):
        (axis,) = constant(axis, "its axis")
        axis = axis + len(x.shape) + 1 if axis < 0 else axis
        shape = build.shape(x)
        return reshaped(build, op, x, (*shape[:axis], 1, *shape[axis:]))

    def fold(self, op, x, axis):
        return np.expand_dims(x, int(axis.ravel()[0]))


class ShapeReader(Reader):
    """SHAPE, which is known when the file is read."""

    kinds = ("SHAPE",)

    def read(self, build, op, x):
        return np.array(build.shape(x), op.outputs[0].type.lower())

    def fold(self, op, x):
        return np.array(x.shape, op.outputs[0].type.lower())


class TransposeReader(Reader):
    """TRANSPOSE."""

    kinds = ("TRANSPOSE",)
    selecting = True

    def read(self, build, op, x, order):
        order = constant(order, "its order")
        if order[0] != 0 and build.batch is None:
            raise NeedsBatch("it moves the batch")
        return build.call(op, ops.transpose, x, order)

    def fold(self, op, x, order):
        return x.transpose([int(axis) for axis in order])


class ConcatenationReader(Reader):
    """CONCATENATION of tensors of one range, of several where they are uint8."""

    kinds = ("CONCATENATION",)

    def read(self, build, op, *inputs):
        tensors = list(op.inputs)
        (output,) = op.outputs
        rescaled = len({tensor.grid for tensor in (*tensors, output)}) > 1
        if rescaled and output.type != "UINT8":
            raise Refused("its tensors have several scales")
        like = next(x for x in inputs if isinstance(x, keras.KerasTensor))
        batched = build.batch is None
        xs = [build.operand(op, tensor, like, batched) for tensor in tensors]
        for place, tensor in enumerate(tensors):
            if tensor.grid != output.grid:
                name = build.name(op, f"rescaled_{place}")
                xs[place] = build.rounded(output, StoredRescaling(name=name)(xs[place]), op)
        rank = len(like.shape)
        axis = op.options.axis % rank
        if axis == 0 and build.batch is None:
            raise NeedsBatch("it joins batches")
        xs = [x if isinstance(x, keras.KerasTensor) else ops.convert_to_tensor(x) for x in xs]
        return activated(build, op, build.call(op, ops.concatenate, xs, axis=axis))

    def fold(self, op, *inputs):
        return np.concatenate([np.atleast_1d(x) for x in inputs], op.options.axis)


class PackReader(Reader):
    """PACK: stacks tensors of one range."""

    kinds = ("PACK",)

    def read(self, build, op, *inputs):
        axis = op.options.axis
        axis = axis + len(op.outputs[0].shape) if axis < 0 else axis
        if axis == 0 and build.batch is None:
            raise NeedsBatch("it stacks batches")
        if not all(isinstance(x, keras.KerasTensor) for x in inputs):
            raise Refused("it stacks constants")
        if len({tensor.grid for tensor in (*op.inputs, op.outputs[0])}) > 1:
            raise Refused("its tensors have several scales")
        xs = []
        for x in inputs:
            shape = build.shape(x)
            xs.append(reshaped(build, op, x, (*shape[:axis], 1, *shape[axis:])))
        return build.call(op, ops.concatenate, xs, axis=axis)

    def fold(self, op, *inputs):
        return np.stack(inputs, op.options.axis)


class UnpackReader(Reader):
    """UNPACK."""

    kinds = ("UNPACK",)
    selecting = True

    def read(self, build, op, x):
        axis = op.options.axis % len(x.shape)
        if axis == 0 and build.batch is None:
            raise NeedsBatch("it takes batches apart")
        return [
            build.call(op, ops.squeeze, part, axis)
            for part in build.call(op, ops.split, x, op.options.num, axis=axis)
        ]


class PadReader(Reader):
    """PAD and PADV2: with zeros, which are the zero point, or with a number."""

    kinds = ("PAD", "PADV2")
    selecting = True

    def read(self, build, op, x, pads, value=None):
        pads = np.reshape(constant(pads, "its padding"), (-1, 2)).tolist()
        if any(pads[0]) and build.batch is None:
            raise NeedsBatch("it pads the batch")
        pads = [tuple(pair) for pair in pads]
        number = 0.0
        if value is not None:
            tensor = op.inputs[2]
            number = float(np.ravel(value)[0])
            if tensor.is_quantized:
                steps = number - tensor.zero_point[0]
                if steps:
                    scale = tensor.grid[0]
                    return StoredPad(pads, steps, scale, name=build.name(op))(x)
                number = 0.0
        if len(pads) == 4 and not number and not any(pads[0] + pads[3]):
            return L.ZeroPadding2D(pads[1:3], name=build.name(op))(x)
        kwargs = {"constant_values": number} if number else {}
        return build.call(op, ops.pad, x, pads, **kwargs)


class StridedSliceReader(Reader):
    """STRIDED_SLICE."""

    kinds = ("STRIDED_SLICE",)
    selecting = True

    def read(self, build, op, x, begin, end, strides):
        places = self._places(op, x.shape, begin, end, strides)
        if build.batch is None:
            if places[0] == 0:
                raise NeedsBatch("it takes one image of a batch")
            if isinstance(places[0], slice) and places[0] not in _WHOLE:
                raise NeedsBatch("it cuts the batch")
            places = (slice(None), *places[1:])
        return build.call(op, lambda x: x[places], x)

    def fold(self, op, x, begin, end, strides):
        return x[self._places(op, x.shape, begin, end, strides)]

    def _places(self, op, shape, *operands):
        begin, end, strides = (constant(x, "its place") for x in operands)
        options = op.options
        if options.ellipsisMask or options.newAxisMask or getattr(options, "offset", False):
            raise Refused("it adds axes")
        places = []
        for axis, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
            bit = 1 << axis
            if options.shrinkAxisMask & bit:
                places.append(first)
                continue
            first = None if options.beginMask & bit else first
            last = None if options.endMask & bit else last
            places.append(slice(first, last, step))
        return tuple(places)


# what takes the whole batch, of one image in the file
_WHOLE = [slice(a, b, 1) for a in (None, 0) for b in (None, 1, 2**31 - 1)]


class SliceReader(Reader):
    """SLICE."""

    kinds = ("SLICE",)
    selecting = True

    def read(self, build, op, x, begin, size):
        begin, size = constant(begin, "its place"), constant(size, "its size")
        places = [
            slice(first, None if count == -1 else first + count)
            for first, count in zip(begin, size, strict=True)
        ]
        if build.batch is None:
            if begin[0] or size[0] not in (1, -1):
                raise NeedsBatch("it cuts the batch")
            places[0] = slice(None)
        return build.call(op, lambda x: x[tuple(places)], x)


class SplitReader(Reader):
    """SPLIT and SPLIT_V."""

    kinds = ("SPLIT", "SPLIT_V")
    selecting = True

    def read(self, build, op, *inputs):
        if op.kind == "SPLIT":
            axis, x = inputs
            parts = op.options.numSplits
        else:
            x, sizes, axis = inputs
            parts = np.cumsum(constant(sizes, "its sizes"))[:-1].tolist()
        axis = constant(axis, "its axis")[0] % len(x.shape)
        if axis == 0 and build.batch is None:
            raise NeedsBatch("it splits the batch")
        return list(build.call(op, ops.split, x, parts, axis=axis))


class TileReader(Reader):
    """TILE."""

    kinds = ("TILE",)
    selecting = True

    def read(self, build, op, x, times):
        times = constant(times, "its count")
        if times[0] != 1 and build.batch is None:
            raise NeedsBatch("it repeats the batch")
        for axis, count in enumerate(times):
            if count > 1:
                x = build.call(op, ops.concatenate, [x] * count, axis=axis)
        return x


class BroadcastReader(Reader):
    """BROADCAST_TO."""

    kinds = ("BROADCAST_TO",)
    has_integers = False

    def read(self, build, op, x, shape):
        return build.call(op, ops.broadcast_to, x, constant(shape, "its shape"))

    def fold(self, op, x, shape):
        return np.broadcast_to(x, [int(side) for side in shape])


class GatherReader(Reader):
    """GATHER with constant indices, or from a table with an entry for each code."""

    kinds = ("GATHER",)
    selecting = True

    def read(self, build, op, x, indices):
        if isinstance(indices, Codes):
            return _table(build, op, x, indices)
        if getattr(op.options, "batchDims", 0) or not isinstance(indices, np.ndarray):
            raise Refused("its indices are not constant")
        axis = op.options.axis % len(x.shape)
        if axis == 0 and build.batch is None:
            raise NeedsBatch("it gathers images")
        return Take(indices.tolist(), axis, name=build.name(op))(x)

    def fold(self, op, x, indices):
        return np.take(x, indices, op.options.axis)


def _table(build, op, table, codes):
    """Looks codes up in a table, as `keraslight.export_tflite` writes functions."""
    tensor = op.inputs[0]
    limits = np.iinfo(codes.tensor.type.lower())
    places = np.arange(limits.min, limits.max + 1) + codes.added
    if not isinstance(table, np.ndarray) or table.ndim != 1 or tensor.grid is None:
        raise Refused("its table is not constant")
    if places[0] < 0 or places[-1] >= len(table) or codes.tensor.grid is None:
        raise Refused("its table does not have an entry for each code")
    scale, zero_point = tensor.grid
    steps = table[places].astype("int64") - tensor.offset - zero_point
    return StoredTable(steps.tolist(), scale, name=build.name(op))(codes.source)


class PixelShuffleReader(Reader):
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH."""

    kinds = ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH")
    selecting = True

    def read(self, build, op, x):
        size = op.options.blockSize
        _, height, width, channels = x.shape
        if op.kind == "DEPTH_TO_SPACE":
            inner, after = (height, width, size, size, channels // size**2), None
            after = (height * size, width * size, channels // size**2)
            order = (0, 1, 3, 2, 4, 5)
        else:
            inner = (height // size, size, width // size, size, channels)
            after = (height // size, width // size, channels * size**2)
            order = (0, 1, 3, 2, 4, 5)
        x = L.Reshape(inner, name=build.name(op, "apart"))(x)
        x = build.call(op, ops.transpose, x, order)
        return L.Reshape(after, name=build.name(op, "together"))(x)


class ResizeNearestReader(Reader):
    """RESIZE_NEAREST_NEIGHBOR."""

    kinds = ("RESIZE_NEAREST_NEIGHBOR",)
    selecting = True

    def read(self, build, op, x, size):
        height, width = constant(size, "its size")
        for axis, out in ((1, height), (2, width)):
            places = self._places(op.options, x.shape[axis], out)
            x = Take(places.tolist(), axis, name=build.name(op))(x)
        return x

    def _places(self, options, size, out):
        numbers = np.arange(out, dtype="float32")
        aligned = options.alignCorners and out > 1
        step = np.float32((size - 1) / (out - 1) if aligned else size / out)
        offset = np.float32(0.5 if options.halfPixelCenters else 0)
        places = (numbers + offset) * step
        places = np.floor(places + np.float32(0.5)) if options.alignCorners else np.floor(places)
        return np.clip(places, 0, size - 1).astype("int32")


class ResizeBilinearReader(Reader):
    """RESIZE_BILINEAR."""

    kinds = ("RESIZE_BILINEAR",)

    def read(self, build, op, x, size):
        options = op.options
        return StoredResizing(
            constant(size, "its size"),
            bool(options.alignCorners),
            bool(options.halfPixelCenters),
            name=build.name(op),
        )(x)
