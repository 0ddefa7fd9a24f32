"""A tensor of the original model while the fused model is written."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np


class Part(NamedTuple):
    """The channels `start` to `stop` of a tensor of the fused model."""

    tensor: object
    start: int
    stop: int

    @property
    def is_whole(self) -> bool:
        return self.start == 0 and self.stop == self.tensor.shape[-1]


@dataclass(eq=False)
class Signal:
    """A tensor of the original model as an affine function of tensors of the fused one.

        signal = zero_pad(scale * concat(parts) + shift + border)

    `scale` and `shift` are batch normalizations that are pending: the next linear layer takes them
    in, or they are written once a layer needs the tensor itself. `border` is what a depthwise
    convolution that pads with zeros makes of a shift at the border of the image: coefficients of
    the maps of `border.py`.

    Attributes:
        parts: the tensors, joined along the channels.
        scale: array of shape `(channels,)`.
        shift: array of shape `(channels,)`.
        border: dict from keys of `outside_maps` to arrays of shape `(channels, 8)`.
        padding: `((top, bottom), (left, right))`, pending zeros around the image, or `None`.
        grid: a hashable object, equal for signals of equal height and width.
        name: str, the name of the layer that is written if parts are joined or values changed.
    """

    parts: tuple[Part, ...]
    scale: np.ndarray
    shift: np.ndarray
    border: dict = field(default_factory=dict)
    padding: tuple | None = None
    grid: object = None
    name: str | None = None

    @classmethod
    def of(cls, tensor, grid=None, name=None) -> "Signal":
        """Returns a tensor of the fused model as a signal."""
        channels = tensor.shape[-1] if len(tensor.shape) else 1
        channels = channels or 0
        return cls(
            parts=(Part(tensor, 0, channels),),
            scale=np.ones(channels),
            shift=np.zeros(channels),
            grid=_grid(tensor) or grid or object(),
            name=name,
        )

    @property
    def channels(self) -> int:
        return len(self.scale)

    @property
    def rank(self) -> int:
        return len(self.parts[0].tensor.shape)

    @property
    def is_affine(self) -> bool:
        """Whether a scale, a shift or a border is pending."""
        return bool((self.scale != 1).any() or self.shift.any() or self.border)

    @property
    def is_plain(self) -> bool:
        """Whether the signal is one tensor of the fused model, with nothing pending."""
        return (
            not self.is_affine
            and self.padding is None
            and len(self.parts) == 1
            and self.parts[0].is_whole
        )

    def affine(self, scale: np.ndarray, shift: np.ndarray) -> "Signal":
        """Returns `scale * self + shift`."""
        return replace(
            self,
            scale=self.scale * scale,
            shift=self.shift * scale + shift,
            border={key: value * scale[:, None] for key, value in self.border.items()},
        )

    def bare(self) -> "Signal":
        """Returns this signal without scale, shift and border."""
        return replace(
            self, scale=np.ones_like(self.scale), shift=np.zeros_like(self.shift), border={}
        )

    def with_parts(self, parts: list[Part]) -> "Signal":
        """Returns a signal of other tensors, with nothing pending."""
        channels = sum(part.stop - part.start for part in parts)
        return replace(
            self,
            parts=tuple(parts),
            scale=np.ones(channels),
            shift=np.zeros(channels),
            border={},
        )

    def split(self, array: np.ndarray, axis: int = 0) -> list[np.ndarray]:
        """Splits an array with an entry for every channel into one array for every part."""
        ends = np.cumsum([part.stop - part.start for part in self.parts])
        return np.split(array, ends[:-1], axis)

    def channels_between(self, start: int, stop: int) -> "Signal":
        """Returns the channels `start` to `stop` of this signal."""
        parts, position = [], 0
        for part in self.parts:
            length = part.stop - part.start
            first, last = max(start - position, 0), min(stop - position, length)
            if first < last:
                parts.append(Part(part.tensor, part.start + first, part.start + last))
            position += length
        return replace(
            self,
            parts=tuple(parts),
            scale=self.scale[start:stop],
            shift=self.shift[start:stop],
            border={
                key: value[start:stop]
                for key, value in self.border.items()
                if value[start:stop].any()
            },
        )


def concatenate(signals: list[Signal], name: str) -> Signal:
    """Joins signals along the channels."""
    border = {}
    for key in {key for signal in signals for key in signal.border}:
        border[key] = np.concatenate(
            [s.border.get(key, np.zeros((s.channels, 8))) for s in signals]
        )
    return Signal(
        parts=tuple(part for signal in signals for part in signal.parts),
        scale=np.concatenate([signal.scale for signal in signals]),
        shift=np.concatenate([signal.shift for signal in signals]),
        border=border,
        grid=signals[0].grid,
        name=name,
    )


def _grid(tensor):
    """Returns height and width of a tensor of images, or `None` if they are not known."""
    if len(tensor.shape) != 4 or None in tensor.shape[1:3]:
        return None
    return tuple(tensor.shape[1:3])
