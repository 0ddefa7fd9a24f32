"""The anchors of a single-shot detector: the boxes that its offsets start from."""

import dataclasses

import numpy as np

# of the first feature map, if it gets three anchors: (scale, aspect ratio); None is the map's scale
REDUCED = ((0.1, 1.0), (None, 2.0), (None, 0.5))


@dataclasses.dataclass(frozen=True)
class Anchors:
    """The sizes and shapes of the anchors at each pixel of the feature maps.

    The scales of the maps rise evenly. Every pixel has an anchor of each aspect ratio, and one more
    square between the scale of its map and the next. With `reduce_first`, the first map has three,
    as TensorFlow's detectors have.

    Attributes:
        min_scale: float, the scale of the first map: the side of its square anchor, in shares of
            the picture's.
        max_scale: float, that of the last map.
        aspect_ratios: tuple of floats, width over height; or a tuple of such tuples, one for each
            feature map.
        reduce_first: bool, whether the first map has three anchors: squares of 0.1, and two of
            its scale.

    Raises:
        ValueError: if a scale or an aspect ratio is impossible.

    Example:
    >>> from keraslight.boxes import Anchors
    >>> anchors = Anchors()
    >>> anchors.counts(2), anchors.boxes([(10, 10), (5, 5)]).shape
    ((3, 6), (450, 4))

    Reference:
        SSD: Single Shot MultiBox Detector, ECCV 2016, section 2.2
        (https://arxiv.org/abs/1512.02325).
    """

    min_scale: float = 0.2
    max_scale: float = 0.95
    aspect_ratios: tuple[float, ...] | tuple[tuple[float, ...], ...] = (1.0, 2.0, 0.5, 3.0, 1 / 3)
    reduce_first: bool = True

    def __post_init__(self):
        ratios = self.aspect_ratios
        if len(ratios) and not isinstance(ratios[0], float | int):
            ratios = tuple(tuple(map(float, level)) for level in ratios)
        else:
            ratios = tuple(map(float, ratios))
        object.__setattr__(self, "aspect_ratios", ratios)
        if not 0 < self.min_scale <= self.max_scale <= 1:
            raise ValueError(
                "The scales must be 0 < min_scale <= max_scale <= 1. "
                f"Received: min_scale={self.min_scale}, max_scale={self.max_scale}"
            )
        levels = ratios if ratios and isinstance(ratios[0], tuple) else (ratios,)
        if not all(level and all(0 < r < np.inf for r in level) for level in levels):
            raise ValueError(
                "`aspect_ratios` must be positive numbers. "
                f"Received: aspect_ratios={self.aspect_ratios}"
            )

    def shapes(self, maps: int) -> list[list[tuple[float, float]]]:
        """Returns for each of some feature maps the heights and widths of its anchors."""
        scales = [*np.linspace(self.min_scale, self.max_scale, maps), 1.0]
        pairs = []
        for number, scale in enumerate(scales[:-1]):
            if number == 0 and self.reduce_first:
                pairs.append([(scale if s is None else s, ratio) for s, ratio in REDUCED])
                continue
            between = np.sqrt(scale * scales[number + 1])
            ratios = ((scale, ratio) for ratio in self._ratios(number, maps))
            pairs.append([*ratios, (between, 1.0)])
        return [[(float(s / r**0.5), float(s * r**0.5)) for s, r in level] for level in pairs]

    def _ratios(self, number, maps):
        if not isinstance(self.aspect_ratios[0], tuple):
            return self.aspect_ratios
        if maps > len(self.aspect_ratios):
            raise ValueError(
                f"There are aspect ratios for {len(self.aspect_ratios)} feature maps. "
                f"Received: {maps} feature maps"
            )
        return self.aspect_ratios[number]

    def counts(self, maps: int) -> tuple[int, ...]:
        """Returns for each of some feature maps how many anchors a pixel has."""
        return tuple(len(level) for level in self.shapes(maps))

    def boxes(self, sizes: list[tuple[int, int]]) -> np.ndarray:
        """Returns all anchors: map by map, row by row, pixel by pixel.

        Args:
            sizes: the heights and widths of the feature maps, the largest first.

        Returns:
            A float32 array of shape `(anchors, 4)`, `(y, x, height, width)` in shares.
        """
        found = []
        for (height, width), shapes in zip(sizes, self.shapes(len(sizes)), strict=True):
            y, x = np.meshgrid(
                (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij"
            )
            centres = np.broadcast_to(
                np.stack([y, x], -1)[:, :, None], (height, width, len(shapes), 2)
            )
            extents = np.broadcast_to(np.array(shapes), (height, width, len(shapes), 2))
            found.append(np.concatenate([centres, extents], -1).reshape(-1, 4))
        return np.concatenate(found).astype("float32")
