"""Reads annotations in the format of COCO: one JSON file and a folder of pictures."""

import dataclasses
import json
import logging
import os
import pathlib

import numpy as np

from keraslight.boxes.objects import Objects

# pixels that a box may reach beyond its picture: what rounding does
PIXELS_BEYOND = 1.0

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotatedPicture:
    """A picture and the objects in it.

    Attributes:
        source: path of the picture's file.
        height: int, in pixels, as the annotations are.
        width: int.
        objects: an `Objects`.

    Example:
    >>> from keraslight.boxes import AnnotatedPicture, Objects
    >>> picture = AnnotatedPicture("1.jpg", 60, 80, Objects([[0, 0, 1, 1]], [0]))
    >>> len(picture.objects)
    1
    """

    source: str
    height: int
    width: int
    objects: Objects


@dataclasses.dataclass(frozen=True, eq=False)
class CocoSet:
    """The pictures of a set and the names of its classes.

    Attributes:
        pictures: list of `AnnotatedPicture`, in the order of the file.
        class_names: list of str, in the order of the categories' numbers. The index of a class is
            its place here, also where the file's numbers have gaps, as COCO's have.

    Example:
    >>> from keraslight.boxes import CocoSet
    >>> len(CocoSet([], ["cat", "dog"]).class_names)
    2
    """

    pictures: list[AnnotatedPicture]
    class_names: list[str]


def read_coco(annotations: str | os.PathLike, folder: str | os.PathLike) -> CocoSet:
    """Reads a COCO JSON file.

    Boxes of no area, of which COCO itself has some, are left out with a note.

    Args:
        annotations: path of the JSON file, with `images`, `annotations` and `categories`.
        folder: folder of the pictures, where `file_name` starts from.

    Returns:
        A `CocoSet`. Pictures without objects are part of it: they show what is background.

    Raises:
        ValueError: if the file is not such JSON, names no picture or no object, or has a picture
            of no size, a picture that is not in the folder, an unknown category, or a box that is
            not finite or reaches more than a pixel beyond its picture.

    Example:
    >>> import json, pathlib
    >>> from keraslight.boxes import read_coco
    >>> _ = pathlib.Path("1.jpg").touch()
    >>> image = {"id": 7, "file_name": "1.jpg", "height": 40, "width": 80}
    >>> box = {"image_id": 7, "category_id": 3, "bbox": [8, 4, 40, 20]}
    >>> content = {"images": [image], "annotations": [box]}
    >>> content["categories"] = [{"id": 3, "name": "cat"}]
    >>> _ = pathlib.Path("set.json").write_text(json.dumps(content))
    >>> read_coco("set.json", ".").pictures[0].objects.boxes
    array([[0.1, 0.1, 0.6, 0.6]], dtype=float32)
    """
    path, folder = pathlib.Path(annotations), pathlib.Path(folder)
    images, boxes, categories = _tables(path)
    places = {category["id"]: place for place, category in enumerate(categories)}
    of_image = {image["id"]: [] for image in images}
    empty = 0
    for box in boxes:
        if box.get("category_id") not in places:
            raise ValueError(
                f"Every annotation must be of one of the {len(places)} categories of '{path}'. "
                f"Received: category_id={box.get('category_id')!r} in {_named(box)}"
            )
        if box.get("image_id") not in of_image:
            raise ValueError(
                f"Every annotation must be of one of the images of '{path}'. "
                f"Received: image_id={box.get('image_id')!r} in {_named(box)}"
            )
        sides = np.asarray(box.get("bbox"), "float64") if _is_box(box.get("bbox")) else None
        if sides is None or not np.isfinite(sides).all() or (sides[2:] < 0).any():
            raise ValueError(
                "A bbox must be four finite numbers (x, y, width, height), the sizes not negative. "
                f"Received: bbox={box.get('bbox')!r} in {_named(box)}"
            )
        if (sides[2:] == 0).any():
            empty += 1
            continue
        of_image[box["image_id"]].append((sides, places[box["category_id"]], box))
    if empty:
        _log.warning("Left out %d boxes of no area in '%s'", empty, path)
    if not any(of_image.values()):
        raise ValueError(f"There is no object in any picture. Received: '{path}'")
    pictures = [_picture(image, of_image[image["id"]], folder) for image in images]
    return CocoSet(pictures, [category["name"] for category in categories])


def _tables(path):
    try:
        content = json.loads(path.read_text())
        images, boxes = content["images"], content["annotations"]
        categories = sorted(content["categories"], key=lambda category: category["id"])
        for table, keys in (
            (images, ("id", "file_name", "height", "width")),
            (boxes, ()),
            (categories, ("id", "name")),
        ):
            for entry in table:
                for key in keys:
                    entry[key]
                entry.get("id")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"The annotations cannot be read: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(
            "The annotations must be JSON in the format of COCO, with `images` (id, file_name, "
            "height, width), `annotations` and `categories` (id, name). "
            f"Received: '{path}', where {error!r}"
        ) from error
    if not images or not categories:
        raise ValueError(
            "The annotations must name images and categories. "
            f"Received: {len(images)} images, {len(categories)} categories in '{path}'"
        )
    for name, table in (("image", images), ("category", categories)):
        if len({entry["id"] for entry in table}) < len(table):
            raise ValueError(f"The id of an {name} must be its own. Received: twice in '{path}'")
    return images, boxes, categories


def _picture(image, found, folder):
    height, width = image["height"], image["width"]
    if not all(isinstance(side, int) and side > 0 for side in (height, width)):
        raise ValueError(
            "An image must have a height and a width in pixels. "
            f"Received: height={height!r}, width={width!r} of '{image['file_name']}'"
        )
    source = folder / image["file_name"]
    if not source.is_file():
        raise ValueError(f"The picture is not in the folder. Received: '{source}'")
    boxes = np.zeros((len(found), 4))
    for row, (sides, _, box) in enumerate(found):
        low, high = sides[:2], sides[:2] + sides[2:]
        beyond = max(-low.min(), (high - (width, height)).max())
        low, high = low.clip(0), high.clip(None, (width, height))
        if beyond > PIXELS_BEYOND or (low >= high).any():
            raise ValueError(
                f"A bbox must lie within its image of {width}x{height} pixels. "
                f"Received: bbox={box['bbox']} in {_named(box)}"
            )
        boxes[row] = low[1] / height, low[0] / width, high[1] / height, high[0] / width
    objects = Objects(
        boxes,
        np.array([place for _, place, _ in found], "int64"),
        np.array([bool(box.get("iscrowd", 0)) for _, _, box in found], bool),
    )
    return AnnotatedPicture(str(source), height, width, objects)


def _is_box(value):
    numbers = isinstance(value, list) and all(isinstance(side, int | float) for side in value)
    return numbers and len(value) == 4


def _named(box):
    return f"annotation {box.get('id')!r} of image {box.get('image_id')!r}"
