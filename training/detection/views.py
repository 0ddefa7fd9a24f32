"""What training sees of a picture with boxes: a part of it, or more than it, perhaps mirrored."""

import numpy as np
from PIL import Image

from keraslight.boxes import Objects
from training.data.draws import Draws
from training.data.views import random_boxes, scaled

GREY = 114
# the least share of an object that must be in the view, or it is left out
LEAST_SEEN = 0.3


class RandomBoxViews:
    """The random views of some pictures and of the boxes in them.

    Keras's layers for bounding boxes would draw their numbers from a state of their own; here they
    depend on the seed and the position of the example alone, so that a run can be resumed.

    Args:
        recipe: a `DetectionRecipe`.
        size: int, height and width of a view.
        draws: the `Draws` of the pictures.
    """

    def __init__(self, recipe, size: int, draws: Draws):
        self.recipe = recipe
        self.size = size
        self.draws = draws
        self.mirrored = draws.uniform("flip") < (0.5 if recipe.flip else 0.0)
        self.cropped = draws.uniform("crop") < recipe.crop_share
        self.zoom = scaled(draws.uniform("zoom out"), (1.0, recipe.zoom_out))
        self.place = draws.uniform("zoom place", 2)
        self.light = scaled(
            draws.uniform("distortion", 2), (1 - recipe.distortion, 1 + recipe.distortion)
        )

    def __call__(
        self, pictures: list[np.ndarray], objects: list[Objects]
    ) -> tuple[np.ndarray, list[Objects]]:
        """Returns views, uint8, and the objects in them."""
        windows = self.windows(np.array([picture.shape[:2] for picture in pictures]))
        views = np.empty((len(pictures), self.size, self.size, 3), "uint8")
        seen = []
        for row, (picture, one) in enumerate(zip(pictures, objects, strict=True)):
            views[row] = self.view(row, picture, windows[row])
            boxes = moved(one, windows[row], picture.shape[:2])
            seen.append(mirrored(boxes) if self.mirrored[row] else boxes)
        return views, seen

    def view(self, row: int, picture: np.ndarray, window) -> np.ndarray:
        """Returns the view of one picture."""
        view = cut(picture, window, self.size)
        return self._lit(view[:, ::-1] if self.mirrored[row] else view, *self.light[row])

    def windows(self, shapes: np.ndarray) -> np.ndarray:
        """Returns for each picture top, left, height and width of the view, in pixels."""
        crops = np.stack(random_boxes(shapes, self.recipe.crop_area, self.draws), axis=1)
        extents = shapes * self.zoom[:, None]
        around = np.concatenate([-self.place * (extents - shapes), extents], axis=1)
        return np.where(self.cropped[:, None], crops.astype("float64"), around)

    def _lit(self, view, brightness, contrast):
        if brightness == contrast == 1:
            return view
        # one table of 256 values does both
        values = (np.arange(256) - view.mean()) * contrast + view.mean() * brightness
        return np.rint(values).clip(0, 255).astype("uint8")[view]


def cut(
    picture: np.ndarray, window, size: int, filter=Image.Resampling.BILINEAR, beyond: int = GREY
) -> np.ndarray:
    """Returns the part of a picture in a window, squashed to a square.

    Args:
        picture: uint8 array of shape `(height, width, 3)`, or `(height, width)`.
        window: top, left, height and width in pixels.
        size: int, the side of the result.
        filter: one of Pillow's.
        beyond: int, the value of what is beyond the picture.
    """
    top, left, height, width = window
    low = np.maximum((top, left), 0)
    high = np.minimum((top + height, left + width), picture.shape[:2])
    # where it lies in the view
    begin = np.rint((low - (top, left)) / (height, width) * size).astype(int)
    end = np.rint((high - (top, left)) / (height, width) * size).astype(int)
    rows, columns = np.maximum(end - begin, 1)
    box = (low[1], low[0], high[1], high[0])
    part = Image.fromarray(picture).resize(
        (int(columns), int(rows)), filter, box=tuple(map(float, box))
    )
    if (rows, columns) == (size, size):
        return np.asarray(part)
    view = np.full((size, size, *picture.shape[2:]), beyond, "uint8")
    part = np.asarray(part)[: size - begin[0], : size - begin[1]]
    view[begin[0] : begin[0] + len(part), begin[1] : begin[1] + part.shape[1]] = part
    return view


def moved(objects: Objects, window, shape) -> Objects:
    """Returns the objects in a window of a picture, in shares of the window.

    Objects of which too little is seen, or whose centre is not, are left out.

    Args:
        objects: an `Objects`, in shares of the picture.
        window: top, left, height and width in pixels.
        shape: height and width of the picture in pixels.
    """
    if not len(objects):
        return objects
    window = np.asarray(window, "float64")
    corner, extent, shape = np.tile(window[:2], 2), np.tile(window[2:], 2), np.tile(shape, 2)
    boxes = (objects.boxes.astype("float64") * shape - corner) / extent
    clipped = boxes.clip(0, 1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides, seen = boxes[:, 2:] - boxes[:, :2], clipped[:, 2:] - clipped[:, :2]
    kept = ((centre > 0) & (centre < 1) & (seen > 1e-4)).all(axis=1)
    kept &= seen.prod(axis=1) >= LEAST_SEEN * sides.prod(axis=1)
    return Objects(clipped[kept], objects.classes[kept], objects.crowd[kept])


def mirrored(objects: Objects) -> Objects:
    """Returns objects as the mirrored picture shows them."""
    ymin, xmin, ymax, xmax = objects.boxes.T
    boxes = np.stack([ymin, 1 - xmax, ymax, 1 - xmin], axis=1)
    return Objects(boxes, objects.classes, objects.crowd)
