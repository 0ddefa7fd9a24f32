"""Makes the folder of Imagenette pictures that the accuracies of this project were measured on."""

import io
import os
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator

from PIL import Image

from keraslight.files import new_folder
from keraslight.pictures.imagenette import CLASSES, SPLITS, ArchivedPicture

SELECTED = pathlib.Path(__file__).parent / "imagenette_val.txt"
VAL = ("selected", "rest", "all")
# of version 2
PUBLISHED = {"train": 9469, "val": 3925}
QUALITY = 88  # of the JPEG files


def selected_names() -> frozenset[str]:
    """Returns the names of the 1,975 validation pictures that accuracies are reported on.

    They were drawn at random, by no rule that could be stated, so they are listed. The other 1,950
    are kept back for checks.
    """
    return frozenset(SELECTED.read_text().split())


def expected_counts(val: str) -> dict[str, int]:
    """Returns how many pictures each split of the set has."""
    selected = len(selected_names())
    counts = {"selected": selected, "rest": PUBLISHED["val"] - selected, "all": PUBLISHED["val"]}
    return {"train": PUBLISHED["train"], "val": counts[val]}


def chosen(pictures: Iterable[ArchivedPicture], val: str) -> Iterator[ArchivedPicture]:
    """Yields the training pictures and the validation pictures that are wanted.

    Args:
        pictures: all pictures.
        val: `"selected"`, `"rest"` or `"all"`.
    """
    names = selected_names()
    for picture in pictures:
        if (
            val == "all"
            or picture.split == "train"
            or (picture.name in names) == (val == "selected")
        ):
            yield picture


def tfds_pictures(name: str, data_dir: str | None = None) -> Iterator[ArchivedPicture]:
    """Yields the pictures of a data set of TFDS, with numbers for names, as TFDS keeps none.

    Args:
        name: such as `"imagenette/160px-v2"`.
        data_dir: optional folder of the data sets.
    """
    from keraslight.pictures.tfds import read_split

    for split, theirs in zip(SPLITS, ("train", "validation"), strict=True):
        for index, picture in enumerate(read_split(name, theirs, data_dir)):
            yield ArchivedPicture(split, picture.label, f"{index:05}", bytes(picture.source))


def write_set(
    pictures: Iterable[ArchivedPicture], folder: str | os.PathLike, side: int | None
) -> dict[str, int]:
    """Writes pictures as `split/class/name.jpg`: the whole folder, or nothing.

    Args:
        pictures: the pictures.
        folder: path of the folder. It must not exist yet, or be empty.
        side: int, to squash pictures to `side x side`, whatever their shape; `None` to keep the
            files as they are.

    Returns:
        A dict from the splits to their numbers of pictures.

    Raises:
        ValueError: if there is something in the folder, or a picture cannot be read.
    """
    counts = Counter()
    with new_folder(folder) as unfinished:
        for split in SPLITS:
            for label in CLASSES:
                (unfinished / split / label).mkdir(parents=True)
        for split, label, name, data in pictures:
            path = unfinished / split / label / f"{name}.jpg"
            path.write_bytes(data if side is None else squashed(data, side, name))
            counts[split] += 1
    return dict(counts)


def squashed(data: bytes, side: int, name: str = "") -> bytes:
    """Returns a picture as a square JPEG file: both sides are scaled, by different factors.

    Raises:
        ValueError: if the picture cannot be read.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"The picture cannot be read: {error}. Received: {name!r}") from error
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
