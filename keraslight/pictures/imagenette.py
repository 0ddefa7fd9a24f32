"""Imagenette: pictures of ten classes of ImageNet, from the archives that fast.ai publishes.

The pictures are ImageNet's: for research, not for redistribution. Imports neither Keras nor
TensorFlow.
"""

import gzip
import pathlib
import re
import tarfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from keraslight.download import Progress, cache_folder, fetch_file

# the folders of the classes, WordNet ids, and the names of the classes
CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
SPLITS = ("train", "val")


class Archive(NamedTuple):
    """A published archive.

    Attributes:
        url: str.
        size: int, in bytes.
        sha256: str.
    """

    url: str
    size: int
    sha256: str


_FOLDER = "https://s3.amazonaws.com/fast-ai-imageclas/"
# version 2: the shorter side of the pictures is 160 or 320 pixels, or as in ImageNet. The sizes and
# hashes are those that TensorFlow Datasets states.
ARCHIVES = {
    "160px": Archive(
        f"{_FOLDER}imagenette2-160.tgz",
        99003388,
        "64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5",
    ),
    "320px": Archive(
        f"{_FOLDER}imagenette2-320.tgz",
        341663724,
        "569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c",
    ),
    "full": Archive(
        f"{_FOLDER}imagenette2.tgz",
        1557161267,
        "6cbfac238434d89fe99e651496f0812ebc7a10fa62bd42d6874042bf01de4efd",
    ),
}
# what an archive may unpack to: pictures hardly compress
MOST_TIMES_ITS_SIZE = 4
MOST_BESIDE = 16 << 20
LARGEST_PICTURE = 32 << 20
# the folder of the archive, the split, the class, the name of the file without its suffix
MEMBER = re.compile(r"[\w-]+/(train|val)/(n\d{8})/([A-Za-z0-9_]{1,64})\.JPEG")


class ArchivedPicture(NamedTuple):
    """A picture of an archive.

    Attributes:
        split: `"train"` or `"val"`.
        label: str, the WordNet id of its class.
        name: str, the name of its file without a suffix; safe to use as one.
        data: bytes, the JPEG file.
    """

    split: str
    label: str
    name: str
    data: bytes


def fetch_archive(kind: str = "160px", progress: Progress | None = None) -> pathlib.Path:
    """Downloads an archive once and returns where it is kept.

    Args:
        kind: `"160px"`, `"320px"` or `"full"`.
        progress: optional callable that shows how far the download is, see
            `keraslight.download.Progress`.

    Raises:
        DownloadError: if it cannot be downloaded, or is not the one that was published.
        ValueError: if `kind` is unknown.
    """
    if kind not in ARCHIVES:
        raise ValueError(f"`kind` must be one of {list(ARCHIVES)}. Received: kind={kind!r}")
    url, size, sha256 = ARCHIVES[kind]
    return fetch_file(url, cache_folder() / url.rsplit("/", 1)[-1], sha256, size, progress)


def archived_pictures(path: str | pathlib.Path) -> Iterator[ArchivedPicture]:
    """Yields the pictures of an archive, one after the other.

    Nothing is written. Members that are no pictures of the ten classes are skipped.

    Args:
        path: path of the archive.

    Raises:
        ValueError: if the archive is damaged, or unpacks to far more than its size.
    """
    path = pathlib.Path(path)
    most = MOST_TIMES_ITS_SIZE * path.stat().st_size + MOST_BESIDE
    try:
        with (
            gzip.open(path) as unpacked,
            tarfile.open(fileobj=_Bounded(unpacked, most, path), mode="r|") as archive,
        ):
            for member in archive:
                found = MEMBER.fullmatch(member.name)
                if not (found and member.isreg() and found[2] in CLASSES):
                    continue
                if member.size > LARGEST_PICTURE:
                    raise ValueError(
                        f"A picture has more than {LARGEST_PICTURE} bytes: it was not made by "
                        f"fast.ai. Received: {member.name!r} of {member.size} bytes in '{path}'"
                    )
                yield ArchivedPicture(*found.groups(), archive.extractfile(member).read())
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"The archive is damaged ({error}): remove it, and download it again. "
            f"Received: '{path}'"
        ) from error


class _Bounded:
    """A file that gives at most `most` bytes."""

    def __init__(self, file, most, path):
        self.file, self.most, self.left, self.path = file, most, most, path

    def read(self, size):
        data = self.file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(
                f"The archive expands to more than {self.most} bytes: refused as a possible zip "
                f"bomb. Received: '{self.path}'"
            )
        return data
