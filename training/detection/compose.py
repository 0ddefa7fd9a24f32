"""A data set for detectors and segmenters made on the spot: digits and photos on larger photos.

The backgrounds are photos out of focus. On each lie a few objects of any size: cards with a
handwritten digit, the ink darker than the card, and small photos. Later ones may cover a part of
earlier ones. Seeds fix everything, so the same pictures make the same set.
"""

import json
import os
import pathlib

import numpy as np
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits

from keraslight.boxes import pairwise_iou
from keraslight.files import new_folder
from keraslight.pictures.folder import list_pictures
from training.data.source import decode
from training.segmentation.source import CLASSES, MASKS

PHOTO = "photo"
CLASS_NAMES = [*(str(digit) for digit in range(10)), PHOTO]
PHOTO_SHARE = 0.15  # of the objects
OBJECTS = (1, 5)
# of the side of an object, in shares of the picture's
SIDES = (0.17, 0.6)
ASPECTS = (0.75, 4 / 3)
# the greatest overlap of two objects, and the share of an object that may be covered
MOST_OVERLAP, MOST_COVERED = 0.2, 0.35
ATTEMPTS = 20
BLUR = 2.0
QUALITY = 90
# the splits must not share photos or digits
HELD_OUT_DIGITS = 0.25
SEEDS = {"train": 1, "val": 2}


def compose_set(
    photos: str | os.PathLike, folder: str | os.PathLike, counts: dict[str, int], size: int, seed=0
) -> dict[str, int]:
    """Writes a data set with COCO json: the whole folder, or nothing.

    Args:
        photos: folder of pictures, with `train/class/*.jpg` and `val/class/*.jpg`.
        folder: path of the folder. It must not exist yet, or be empty. It gets `train/*.jpg`,
            `val/*.jpg`, `annotations/instances_train.json` and `..._val.json`, and for segmenters
            `masks/train/*.png`, `masks/val/*.png` and `masks/classes.txt`.
        counts: how many pictures each split gets.
        size: int, height and width of the pictures.
        seed: int.

    Returns:
        A dict from the splits to their numbers of objects.
    """
    objects = {}
    digits = _digits()
    with new_folder(folder) as unfinished:
        (unfinished / "annotations").mkdir()
        (unfinished / MASKS).mkdir()
        (unfinished / MASKS / CLASSES).write_text("\n".join(["background", *CLASS_NAMES]) + "\n")
        for split, count in counts.items():
            (unfinished / split).mkdir()
            (unfinished / MASKS / split).mkdir()
            paths = [picture.source for picture in list_pictures(pathlib.Path(photos) / split)]
            images, annotations = [], []
            for number in range(count):
                rng = np.random.default_rng([seed, SEEDS[split], number])
                picture, boxes, classes = compose(rng, paths, digits[split], size)
                name = f"{number:05}.jpg"
                picture.save(unfinished / split / name, "JPEG", quality=QUALITY)
                mask = painted(boxes, classes, size)
                mask.save(unfinished / MASKS / split / f"{number:05}.png")
                images.append({"id": number, "file_name": name, "height": size, "width": size})
                for (top, left, bottom, right), place in zip(boxes, classes, strict=True):
                    box = [left, top, right - left, bottom - top]
                    annotations.append(
                        {
                            "id": len(annotations) + 1,
                            "image_id": number,
                            "category_id": int(place),
                            "bbox": [int(side) for side in box],
                            "area": int(box[2] * box[3]),
                            "iscrowd": 0,
                        }
                    )
            categories = [{"id": place, "name": name} for place, name in enumerate(CLASS_NAMES)]
            content = {"images": images, "annotations": annotations, "categories": categories}
            path = unfinished / "annotations" / f"instances_{split}.json"
            path.write_text(json.dumps(content))
            objects[split] = len(annotations)
    return objects


def compose(rng: np.random.Generator, photos: list, digits: tuple, size: int) -> tuple:
    """Returns a picture, the boxes of its objects in pixels, and their classes.

    Args:
        rng: a NumPy generator.
        photos: paths of pictures.
        digits: arrays of pictures of digits, from 0 to 1, and of the digits.
        size: int, height and width of the picture.
    """
    background = _photo(rng, photos).resize((size, size), Image.Resampling.BILINEAR)
    picture = background.filter(ImageFilter.GaussianBlur(BLUR))
    boxes, classes = [], []
    for _ in range(rng.integers(OBJECTS[0], OBJECTS[1] + 1)):
        box = _free_place(rng, np.array(boxes).reshape(-1, 4), size)
        if box is None:
            continue
        height, width = box[2] - box[0], box[3] - box[1]
        if rng.random() < PHOTO_SHARE:
            card = _photo(rng, photos).resize((width, height), Image.Resampling.BILINEAR)
            classes.append(CLASS_NAMES.index(PHOTO))
        else:
            place = rng.integers(len(digits[1]))
            card = _card(rng, digits[0][place], height, width)
            classes.append(int(digits[1][place]))
        picture.paste(card, (int(box[1]), int(box[0])))
        boxes.append(box)
    return picture, boxes, classes


def painted(boxes: list, classes: list[int], size: int) -> Image.Image:
    """Returns the mask of a composition: 0 for the background, or the class of an object plus 1."""
    mask = np.zeros((size, size), "uint8")
    for (top, left, bottom, right), place in zip(boxes, classes, strict=True):
        mask[top:bottom, left:right] = place + 1
    return Image.fromarray(mask)


def _free_place(rng, boxes, size):
    """Returns a box that covers no other too much, `None` if none is found."""
    for _ in range(ATTEMPTS):
        side = size * np.exp(rng.uniform(*np.log(SIDES)))
        ratio = np.exp(rng.uniform(*np.log(ASPECTS)) / 2)
        height, width = (int(np.clip(s, 4, size)) for s in (side / ratio, side * ratio))
        top, left = (int(rng.integers(size - extent + 1)) for extent in (height, width))
        box = np.array([top, left, top + height, left + width])
        if not len(boxes):
            return box
        shared = np.maximum(
            np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0
        )
        covered = shared.prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        if pairwise_iou(box[None], boxes).max() <= MOST_OVERLAP and covered.max() <= MOST_COVERED:
            return box
    return None


def _card(rng, digit, height, width):
    """Returns a digit in ink on a card, in colours that differ enough to read it."""
    while True:
        ink, card = rng.uniform(0, 255, (2, 3))
        if card.mean() - ink.mean() > 80:
            break
    angle = rng.uniform(-12, 12)
    mask = Image.fromarray((digit * 255).astype("uint8")).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    share = np.asarray(mask.rotate(angle, Image.Resampling.BILINEAR), "float32")[..., None] / 255
    pixels = card + share * (ink - card) + rng.normal(0, 6, (height, width, 1))
    return Image.fromarray(pixels.clip(0, 255).astype("uint8"))


def _photo(rng, photos):
    return Image.fromarray(decode(photos[rng.integers(len(photos))]))


def _digits():
    """Returns the digits of both splits, of which none is in both."""
    found = load_digits()
    images = np.pad(found.images / 16, ((0, 0), (1, 1), (1, 1)))
    order = np.random.default_rng(0).permutation(len(images))
    held = round(HELD_OUT_DIGITS * len(images))
    parts = {"val": order[:held], "train": order[held:]}
    return {split: (images[part], found.target[part]) for split, part in parts.items()}
