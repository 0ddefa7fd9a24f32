"""The inputs and outputs of a .tflite file."""

from dataclasses import asdict, dataclass

import numpy as np

INTEGERS = ("INT8", "UINT8", "INT16", "INT32")


@dataclass(frozen=True)
class Tensor:
    """An input or an output of a .tflite file.

    Attributes:
        name: str.
        type: str, such as `"float32"` or `"int8"`.
        shape: tuple of ints; -1 is a side that the file leaves open.
        scale: float, the step of a quantized tensor: `real = scale * (integer - zero_point)`.
            `None` for others.
        zero_point: int, `None` for tensors that are not quantized.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    scale: float | None = None
    zero_point: int | None = None

    @classmethod
    def of(cls, tensor, kind: str) -> "Tensor":
        """Returns a tensor of the file's graph.

        Args:
            tensor: a `TensorT` of the schema.
            kind: str, the name of its type.
        """
        shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
        name = tensor.name.decode() if isinstance(tensor.name, bytes) else str(tensor.name or "")
        shape = () if shape is None else tuple(int(side) for side in shape)
        quantization = tensor.quantization
        scales = () if quantization is None or quantization.scale is None else quantization.scale
        if kind not in INTEGERS or len(scales) != 1 or not scales[0]:
            return cls(name, kind.lower(), shape)
        zeros = quantization.zeroPoint
        zero_point = 0 if zeros is None or not len(zeros) else int(zeros[0])
        return cls(name, kind.lower(), shape, float(scales[0]), zero_point)

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and the highest real value that a quantized tensor can hold."""
        if self.scale is None:
            return None
        limits = np.iinfo(self.type)
        return tuple(float(self.scale * (x - self.zero_point)) for x in (limits.min, limits.max))

    def to_dict(self) -> dict:
        """Returns everything, fit for JSON."""
        return {**asdict(self), "shape": list(self.shape), "range": self.range}
