"""What training sees of a picture: a random part of it, resized and perhaps mirrored."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from training.data.draws import Draws
from training.data.rand_augment import RandAugment
from training.recipe import Recipe

ATTEMPTS = 10
LOG_ASPECT_RATIO = np.log((3 / 4, 4 / 3))
PADDED_SHARE = 8  # a shift is an eighth of the side at most


class Boxes(NamedTuple):
    """Boxes within pictures, each an int array with a value per picture."""

    top: np.ndarray
    left: np.ndarray
    height: np.ndarray
    width: np.ndarray


class RandomViews:
    """The random views of some pictures.

    Args:
        recipe: a `Recipe`.
        size: int, height and width of a view.
        draws: the `Draws` of the pictures.
    """

    def __init__(self, recipe: Recipe, size: int, draws: Draws):
        self.recipe = recipe
        self.size = size
        self.draws = draws
        self.mirrored = draws.uniform("flip") < (0.5 if recipe.flip else 0.0)
        self.shift = draws.uniform("shift", 2)
        self.augment = RandAugment(*recipe.rand_augment, draws) if recipe.rand_augment else None

    def __call__(self, pictures: list[np.ndarray]) -> np.ndarray:
        """Returns the views of pictures, all of them uint8."""
        shapes = np.array([picture.shape[:2] for picture in pictures])
        views = np.empty((len(pictures), self.size, self.size, 3), "uint8")
        if self.recipe.crop == "random_resized":
            boxes = np.stack(random_boxes(shapes, self.recipe.crop_area, self.draws), axis=1)
        for row, picture in enumerate(pictures):
            if self.recipe.crop == "padded":
                view = self._shifted(picture, self.shift[row])
            else:
                top, left, height, width = boxes[row]
                # resize() with a box would let the pixels around it in
                view = self._resized(picture[top : top + height, left : left + width])
            if self.augment is not None:
                view = np.asarray(self.augment(Image.fromarray(view), row))
            views[row] = view[:, ::-1] if self.mirrored[row] else view
        return views

    def _resized(self, picture):
        image = Image.fromarray(np.ascontiguousarray(picture))
        return np.asarray(image.resize((self.size, self.size), Image.Resampling.BILINEAR))

    def _shifted(self, picture, shift):
        pad = self.size // PADDED_SHARE
        view = np.pad(self._resized(picture), ((pad, pad), (pad, pad), (0, 0)))
        top, left = (shift * (2 * pad + 1)).astype(int)
        return view[top : top + self.size, left : left + self.size]


def random_boxes(shapes: np.ndarray, areas: tuple[float, float], draws: Draws) -> Boxes:
    """Returns boxes of random area, shape and place.

    The aspect ratio is between 3/4 and 4/3. What does not fit is drawn anew; after ten attempts the
    box is the whole picture.

    Args:
        shapes: int array of shape `(pictures, 2)`, heights and widths.
        areas: the least and the greatest share of a picture.
        draws: the `Draws` of the pictures.
    """
    heights, widths = shapes[:, :1], shapes[:, 1:]
    area, ratio = (draws.uniform(name, ATTEMPTS) for name in ("crop area", "crop aspect"))
    area = heights * widths * scaled(area, areas)
    ratio = np.exp(scaled(ratio, LOG_ASPECT_RATIO))
    tall, wide = (np.rint(np.sqrt(a)).astype(int) for a in (area / ratio, area * ratio))
    fits = (tall > 0) & (tall <= heights) & (wide > 0) & (wide <= widths)
    # the first attempt that fits
    rows, chosen, any_fits = np.arange(len(shapes)), fits.argmax(axis=1), fits.any(axis=1)
    height = np.where(any_fits, tall[rows, chosen], heights[:, 0])
    width = np.where(any_fits, wide[rows, chosen], widths[:, 0])
    place = draws.uniform("crop place", 2)
    top, left = (
        (place[:, axis] * (shapes[:, axis] - extent + 1)).astype(int)
        for axis, extent in enumerate((height, width))
    )
    return Boxes(top, left, height, width)


def scaled(numbers: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Returns numbers in [0, 1) scaled to lie between two limits."""
    return limits[0] + numbers * (limits[1] - limits[0])
