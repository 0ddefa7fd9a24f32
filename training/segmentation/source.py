"""Pictures with the class of every pixel: a folder of pictures and one of masks."""

import functools
import pathlib

import numpy as np
from PIL import Image

from keraslight.pictures.folder import SUFFIXES
from training.data.folder import UNREADABLE, identity
from training.data.source import ImageFiles, Source
from training.detection.source import SPLITS

MASKS, CLASSES = "masks", "classes.txt"
IGNORED = 255  # of a pixel that counts nothing


class MaskFiles(ImageFiles):
    """Pictures and masks in files.

    Args:
        paths: paths of the pictures.
        masks: paths of the masks, PNG files of one channel: the index of the class of each pixel,
            or 255 for pixels that count nothing.
        class_names: list of str.
        cache: bool, whether to keep what is decoded in memory.
    """

    def __init__(self, paths: list[str], masks: list[str], class_names: list[str], cache: bool):
        super().__init__(paths, np.zeros(len(paths)), class_names)
        self.masks = list(masks)
        self.cache = {} if cache else None

    def read(self, index):
        index = int(index)
        if self.cache is not None and index in self.cache:
            return self.cache[index]
        picture, _ = super().read(index)
        mask = read_mask(self.masks[index], len(self.class_names))
        if mask.shape != picture.shape[:2]:
            raise ValueError(
                "A mask must be of the size of its picture. "
                f"Received: '{self.masks[index]}' of {mask.shape}, a picture of {picture.shape[:2]}"
            )
        if self.cache is not None:
            self.cache[index] = picture, mask
        return picture, mask


def read_mask(path: str, classes: int) -> np.ndarray:
    """Returns the classes of the pixels of a mask, uint8.

    Raises:
        ValueError: if the file cannot be read, is not of one channel, or names another class.
    """
    try:
        mask = np.asarray(Image.open(path))
    except UNREADABLE as error:
        raise ValueError(f"The mask cannot be read: {error}. Received: '{path}'") from error
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(
            "A mask must be a PNG file of one channel of 8 bits. "
            f"Received: '{path}' of shape {mask.shape}, {mask.dtype}"
        )
    strange = mask[(mask >= classes) & (mask != IGNORED)]
    if strange.size:
        raise ValueError(
            f"A pixel of a mask must be one of {classes} classes, or {IGNORED}. "
            f"Received: {strange[0]} in '{path}'"
        )
    return mask


def load_masks(recipe, kind: str, data_dir: str | None, cache_gb: float = 4.0) -> Source:
    """Returns the pictures of one split with their masks.

    Args:
        recipe: a `SegmentationRecipe`, which may name the splits.
        kind: `"train"` or `"eval"`.
        data_dir: folder with `train/*.jpg`, `masks/train/*.png`, the same for `val`, and
            `masks/classes.txt`, a class per line.
        cache_gb: float, how much memory decoded pictures may take.

    Returns:
        A `Source`.

    Raises:
        ValueError: if there is no such folder, or a picture has no mask.
    """
    if recipe.dataset is not None or data_dir is None:
        raise ValueError(
            "Segmenters learn from a folder of pictures and masks: --data_dir=... "
            f"Received: dataset={recipe.dataset!r}, data_dir={data_dir!r}"
        )
    folder = pathlib.Path(data_dir)
    split = recipe.train_split if kind == "train" else recipe.eval_split
    splits = SPLITS[kind] if split is None else (split,)
    classes = folder / MASKS / CLASSES
    for name in splits:
        if (folder / name).is_dir() and (folder / MASKS / name).is_dir() and classes.is_file():
            return _split(folder, name, classes.read_text().split("\n"), cache_gb)
    raise ValueError(
        f"`data_dir` must hold a folder of pictures called one of {splits}, their masks in "
        f"{MASKS}/, and the classes in {MASKS}/{CLASSES}. Received: data_dir='{data_dir}'"
    )


def _split(folder, name, class_names, cache_gb):
    paths = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in SUFFIXES)
    masks = [folder / MASKS / name / f"{path.stem}.png" for path in paths]
    missing = [path for path, mask in zip(paths, masks, strict=True) if not mask.is_file()]
    if missing or not paths:
        raise ValueError(
            f"Every picture must have a mask of its name in '{folder / MASKS / name}'. "
            f"Received: {len(paths)} pictures, {len(missing)} of them without"
        )
    sizes = [Image.open(path).size for path in paths]
    pixels = sum(width * height for width, height in sizes)
    class_names = [line.strip() for line in class_names if line.strip()]
    source = MaskFiles(
        list(map(str, paths)), list(map(str, masks)), class_names, 4 * pixels / 1e9 <= cache_gb
    )
    source.identity = functools.partial(identity, folder, [*source.paths, *source.masks])
    return source
