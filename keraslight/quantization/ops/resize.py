"""Resizing of images in int8."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.integers import Int8
from keraslight.quantization.op import Op, SelectingOp, refusal_of_data_format
from keraslight.quantization.ops.separable import write_separable
from keraslight.quantization.rounding import straight_through
from keraslight.quantization.runtimes.interpolation import Resizing

__all__ = ["BilinearResizeOp", "LinearResizeOp", "NearestResizeOp"]

L = keras.layers
ops = keras.ops

CLASSES = (L.UpSampling2D, L.Resizing, operation_class("Resize"))


class _ResizeOp:
    """What the three ways to resize have in common."""

    classes = CLASSES

    def kind(self, interpolation: str, antialias: bool) -> bool:
        """Tells whether a resizing is done in this way."""
        raise NotImplementedError

    def matches(self, call):
        operation = call.operation
        if type(operation) not in CLASSES:
            return False
        return self.kind(operation.interpolation, getattr(operation, "antialias", False))

    def refusal(self, call):
        operation = call.operation
        for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"):
            if getattr(operation, name, False):
                return f"resizing has one without {name}=True; crop or pad before it"
        shape = call.inputs[0].shape
        if len(shape) != 4:
            return f"resizing has one for batches of images; shape={shape}"
        return refusal_of_data_format(operation)


class NearestResizeOp(_ResizeOp, SelectingOp):
    """UpSampling2D, Resizing and `keras.ops.image.resize` to the nearest pixels."""

    def rare_operator(self, call):
        return "TILE" if type(call.operation) is L.UpSampling2D else None

    def kind(self, interpolation, antialias):
        return interpolation == "nearest"


class BilinearResizeOp(_ResizeOp, Op):
    """UpSampling2D, Resizing and `keras.ops.image.resize` with bilinear interpolation."""

    scales = "keep"

    def kind(self, interpolation, antialias):
        return interpolation == "bilinear" and not antialias

    def ties(self, call):
        return call.inputs

    def integer(self, call, x, **kwargs):
        smooth = call.operation(x.steps)
        exact = x.grid.runtime.interpolation(x, Resizing(tuple(smooth.shape[1:3])))
        return Int8(straight_through(exact, smooth), x.grid)


class LinearResizeOp(_ResizeOp, Op):
    """Resizing and `keras.ops.image.resize` with bicubic and other interpolation or antialiasing.

    LiteRT has no kernel for it. It is written as two products with constant matrices, along the
    height and along the width.
    """

    scales = "keep"

    def kind(self, interpolation, antialias):
        return interpolation != "nearest" and (antialias or interpolation != "bilinear")

    def rewrite(self, writer, call, x, **kwargs):
        operation = call.operation
        options = {
            "interpolation": operation.interpolation,
            "antialias": getattr(operation, "antialias", False),
            "data_format": "channels_last",
        }

        def resized(images, size):
            return ops.image.resize(images, size, **options)

        return write_separable(writer, call, x, resized)
