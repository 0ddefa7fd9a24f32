"""Small sets of pictures to try programs with, made on the spot or fetched.

    keraslight.pictures.make_sample("pictures")

makes `pictures/train` and `pictures/val` with a folder of PNG files for each class. The same
arguments make the same pixels, on every machine with the same version of Pillow.
"""

import io
import math
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from keraslight.download import Progress
from keraslight.files import new_folder
from keraslight.pictures.imagenette import CLASSES, SPLITS, archived_pictures, fetch_archive
from keraslight.pictures.names import NAMES_FILE

SHAPES = ("checks", "circle", "cross", "ring", "square", "star", "stripes", "triangle")
# pictures of each class where nothing else is said: for training and for validation
DEFAULTS = {"shapes": (60, 20), "digits": (130, 40), "imagenette": (None, None)}
SIZES = {"shapes": 96, "digits": 32}
LEAST_SIZE = 16
FINER = 4  # shapes are drawn this many times as large and shrunk, for smooth edges
CONTRAST = 90  # how far the colour of a shape is at least from the background's, of 441


class SamplePicture(NamedTuple):
    """A picture of a sample.

    Attributes:
        split: `"train"` or `"val"`.
        label: str, the name of its class.
        file: str, the name of its file.
        data: bytes, the encoded picture.
    """

    split: str
    label: str
    file: str
    data: bytes


def make_sample(
    folder: str | os.PathLike,
    source: str = "shapes",
    train: int | None = None,
    val: int | None = None,
    size: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Makes an image folder with the splits `train` and `val`: whole, or nothing.

    Args:
        folder: path of the folder. It must not exist yet, or be empty.
        source: `"shapes"`: eight classes of coloured shapes and patterns; `"digits"`:
            scikit-learn's 1,797 handwritten digits; `"imagenette"`: photographs of ten classes of
            ImageNet, downloaded once (99 MB).
        train: optional int, how many pictures of each class there are to train with. Defaults to 60
            shapes, 130 digits, or all of Imagenette.
        val: optional int, how many there are to validate with. Defaults to 20 shapes, 40 digits, or
            all of Imagenette.
        size: optional int, the height and the width in pixels. Defaults to 96 for shapes and 32 for
            digits. Imagenette's shorter side has 160.
        seed: int. Pictures of different splits and classes are independent of each other.
        progress: optional callable that shows how far a download is, see
            `keraslight.download.Progress`.

    Returns:
        A dict from the splits to their numbers of pictures.

    Raises:
        DownloadError: if Imagenette cannot be downloaded.
        ImportError: if scikit-learn is not installed, for digits.
        ValueError: if an argument is wrong or the folder is not empty.

    Example:
    ```python
    keraslight.pictures.make_sample("pictures", train=100, val=25)
    ```
    """
    if source not in DEFAULTS:
        raise ValueError(f"`source` must be one of {list(DEFAULTS)}. Received: source={source!r}")
    if source == "imagenette" and size is not None:
        raise ValueError(f"Imagenette's pictures keep their size. Received: size={size}")
    if size is not None and size < LEAST_SIZE:
        raise ValueError(f"`size` must be at least {LEAST_SIZE}. Received: size={size}")
    counts = {
        split: default if given is None else given
        for split, given, default in zip(SPLITS, (train, val), DEFAULTS[source], strict=True)
    }
    if any(count is not None and count < 1 for count in counts.values()):
        raise ValueError(f"`train` and `val` must be positive. Received: train={train}, val={val}")
    if source == "shapes":
        pictures = _shapes(counts, size or SIZES[source], seed)
    elif source == "digits":
        pictures = _digits(counts, size or SIZES[source], seed)
    else:
        pictures = _imagenette(counts, fetch_archive(progress=progress))
    written = Counter()
    with new_folder(folder) as unfinished:
        for split, label, file, data in pictures:
            path = unfinished / split / label / file
            if not written[split, label]:
                path.parent.mkdir(parents=True)
            path.write_bytes(data)
            written[split, label] += 1
        if source == "imagenette":
            lines = [f"{label} = {name}\n" for label, name in CLASSES.items()]
            (unfinished / NAMES_FILE).write_text("".join(lines))
    return {split: sum(n for (s, _), n in written.items() if s == split) for split in SPLITS}


def _shapes(counts, size, seed) -> Iterator[SamplePicture]:
    for split in SPLITS:
        for label in SHAPES:
            # seeds of their own, so that more pictures of one class leave all others as they are
            own = zlib.crc32(f"{split}/{label}".encode())
            for number in range(counts[split]):
                rng = np.random.default_rng([seed, own, number])
                image = draw_shape(label, size, rng)
                yield SamplePicture(split, label, f"{number:04}.png", _png(image))


def draw_shape(shape: str, size: int, rng: np.random.Generator):
    """Returns a Pillow image of a shape of random colour, size, place and angle, with noise.

    Args:
        shape: one of `SHAPES`.
        size: int, height and width in pixels.
        rng: NumPy's random generator.
    """
    from PIL import Image, ImageDraw

    while True:
        ink, ground, other_ground = rng.integers(0, 256, (3, 3))
        if min(np.linalg.norm(ink - g) for g in (ground, other_ground)) > CONTRAST:
            break
    fine = FINER * size
    mask = Image.new("L", (fine, fine))
    draw = ImageDraw.Draw(mask)
    radius = fine * rng.uniform(0.18, 0.38)
    centre = rng.uniform(radius, fine - radius, 2)
    angle = rng.uniform(0, 2 * math.pi)
    if shape in ("checks", "stripes"):
        _draw_pattern(draw, shape, centre, radius, angle)
    elif shape in ("circle", "ring"):
        draw.ellipse([*(centre - radius), *(centre + radius)], fill=255)
        if shape == "ring":
            inner = radius * rng.uniform(0.45, 0.7)
            draw.ellipse([*(centre - inner), *(centre + inner)], fill=0)
    else:
        draw.polygon([tuple(p) for p in _corners(shape, centre, radius, angle)], fill=255)
    share = np.asarray(mask.resize((size, size), Image.Resampling.BOX), "float64")[..., None] / 255
    fade = np.linspace(0, 1, size)[:, None, None]
    pixels = share * ink + (1 - share) * ((1 - fade) * ground + fade * other_ground)
    pixels += rng.normal(0, rng.uniform(2, 12), pixels.shape)
    return Image.fromarray(pixels.round().clip(0, 255).astype("uint8"))


def _corners(shape, centre, radius, angle):
    """Returns the corners of a polygon around a centre."""
    if shape == "star":
        turns, radii = np.arange(10) / 10, np.where(np.arange(10) % 2, 0.42, 1.0)
    elif shape == "cross":
        # a plus sign: of each arm the two outer corners and the corner between it and the next
        arms = np.arange(4)[:, None] / 4
        near = math.atan2(0.3, 1) / (2 * math.pi)
        turns = (arms + np.array([-near, near, 1 / 8])).ravel()
        radii = np.tile([1.0, 1.0, 0.3 * math.sqrt(2)], 4)
    else:
        sides = {"triangle": 3, "square": 4}[shape]
        turns, radii = np.arange(sides) / sides, np.ones(sides)
    turns = 2 * math.pi * turns + angle
    return centre + radius * radii[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)


def _draw_pattern(draw, shape, centre, radius, angle):
    """Draws a disc-sized field of stripes or of checks."""
    across = np.array([math.cos(angle), math.sin(angle)])
    along = np.array([-across[1], across[0]])
    step = radius / 3
    for i in range(-3, 3):
        for j in range(-3, 3) if shape == "checks" else [None]:
            if (i + (j or 0)) % 2:
                continue
            top, bottom = (-radius, radius) if j is None else (j * step, (j + 1) * step)
            corners = ((i, top), (i + 1, top), (i + 1, bottom), (i, bottom))
            draw.polygon(
                [tuple(centre + k * step * across + v * along) for k, v in corners], fill=255
            )


def _digits(counts, size, seed) -> Iterator[SamplePicture]:
    try:
        from PIL import Image
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "The digits need scikit-learn: pip install keraslight[quickstart]"
        ) from error
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    left = {
        split: dict.fromkeys(range(len(digits.target_names)), counts[split]) for split in SPLITS
    }
    for number in order:
        label = digits.target[number]
        split = next((s for s in ("val", "train") if left[s][label]), None)
        if split is None:
            continue
        left[split][label] -= 1
        image = Image.fromarray((digits.images[number] * 255 / 16).round().astype("uint8"))
        image = image.resize((size, size), Image.Resampling.BICUBIC).convert("RGB")
        yield SamplePicture(split, str(label), f"{number:04}.png", _png(image))
    missing = {split: max(left[split].values()) for split in SPLITS}
    if any(missing.values()):
        raise ValueError(
            "There are 174 digits of a class at least, for `train` and `val` together. "
            f"Received: train={counts['train']}, val={counts['val']}"
        )


def _imagenette(counts, archive) -> Iterator[SamplePicture]:
    taken = Counter()
    for split, label, name, data in archived_pictures(archive):
        if counts[split] is None or taken[split, label] < counts[split]:
            taken[split, label] += 1
            yield SamplePicture(split, label, f"{name}.jpg", data)


def _png(image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
