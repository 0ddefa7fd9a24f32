"""Data sets of TensorFlow Datasets: any name, or the folder of one that is prepared."""

import copy
import difflib
import functools
import itertools
import pathlib
import socket
import urllib.parse

import numpy as np

from keraslight.pictures.tfds import has_random_access, random_access, read_records
from training.data.source import MemoryImages, Source, decode

EVAL_SPLITS = ("validation", "test")
SECONDS_TO_CONNECT = 5
SAMPLE = 64
# can be read in any order
FILE_FORMAT = "array_record"


def is_prepared_folder(path: str) -> bool:
    """Whether a folder is that of a prepared data set."""
    return (pathlib.Path(path) / "dataset_info.json").is_file()


def load_tfds(
    name: str | None,
    data_dir: str | None,
    kind: str,
    split: str | None = None,
    cache_gb: float = 4.0,
    download: bool = False,
) -> Source:
    """Returns the pictures of one split, in memory where they fit.

    Args:
        name: name of the data set; `None` if `data_dir` is the folder of a prepared one.
        data_dir: folder of all data sets. Defaults to that of TFDS.
        kind: `"train"` or `"eval"`.
        split: name of the split, in the syntax of TFDS. Defaults to the usual one of its kind.
        cache_gb: float, how much memory decoded pictures may take. Beyond it they are read and
            decoded anew in every epoch.
        download: bool, whether to download and prepare what is not there.

    Returns:
        A `Source`.

    Raises:
        ImportError: if TFDS is not installed.
        ValueError: if there is no such data set or split, it is not prepared and not to be had, or
            it is not one of pictures with labels.
    """
    builder, split, examples = prepared_split(name, data_dir, kind, split, download)
    image, label = _features(builder)
    records = Records(builder, split, examples, image, label)
    if examples * records.mean_pixels() * 3 / 1e9 <= cache_gb:
        return records.in_memory()
    if not has_random_access(builder):
        raise ValueError(
            f"The pictures of {builder.name} do not fit into the memory for decoded pictures, and "
            f"the format of its files, {builder.info.file_format.value}, cannot be read in a "
            "random order: raise --cache_gb, or add files in another format by `tfds "
            f"convert_format --dataset_dir={builder.data_path.parent} "
            f"--out_dir={builder.data_path.parent} --out_file_format=array_record`. Received: "
            f"{examples} pictures, cache_gb={cache_gb}"
        )
    return records


def prepared_split(
    name: str | None, data_dir: str | None, kind: str, split: str | None, download: bool
) -> tuple:
    """Returns a builder of TFDS, the name of a split, and how many examples that has.

    The arguments and errors are those of `load_tfds`.
    """
    builder = _builder(name, data_dir, download)
    splits = builder.info.splits
    if split is None:
        usual = ("train",) if kind == "train" else EVAL_SPLITS
        split = next((one for one in usual if one in splits), None)
    try:
        return builder, split, splits[split].num_examples
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"{builder.name} has the splits {list(splits)}. Received: split={split!r}"
        ) from error


class Records(Source):
    """Pictures of a data set that is prepared, read and decoded whenever they are needed.

    Args:
        builder: a `tfds.core.DatasetBuilder`.
        split: name of the split.
        examples: int, how many there are.
        image, label: names of the features.
    """

    def __init__(self, builder, split: str, examples: int, image: str, label: str):
        # a record would have to be read for its label
        super().__init__([], builder.info.features[label].names)
        self.builder = builder
        self.split = split
        self.examples = examples
        self.image = image
        self.label = label
        self.identity = self._name

    def __len__(self):
        return self.examples

    @functools.cached_property
    def records(self):
        """The records, by their index."""
        return random_access(self.builder, self.split, self.image)

    def read(self, index):
        record = self.records[int(index)]
        return decode(record[self.image]), int(record[self.label])

    def name_of(self, index):
        return f"record {index} of {self.split}"

    def hold_out(self, amount):
        # whatever their class
        whole = copy.copy(self)
        whole.labels = np.zeros(len(self), "int64")
        return Source.hold_out(whole, amount)

    def mean_pixels(self) -> float:
        """Returns how many pixels a picture has, the mean of the first."""
        pictures = (picture for picture, _ in self._in_order(SAMPLE))
        pixels = [picture[..., 0].size for picture in pictures if picture is not None]
        return float(np.mean(pixels or [0]))

    def in_memory(self) -> MemoryImages:
        """Returns all pictures decoded."""
        images, labels = [], []
        for picture, label in self._in_order(self.examples):
            images.append(picture)
            labels.append(label)
        names = [self.name_of(index) for index in range(len(images))]
        source = MemoryImages(images, labels, self.class_names, names)
        source.identity = self.identity
        return source

    def _in_order(self, count):
        """Yields the first pictures, `None` for what cannot be read, and their labels."""
        records = read_records(self.builder, self.split, self.image)
        for record in itertools.islice(records, count):
            try:
                yield decode(record[self.image]), record[self.label]
            except ValueError:
                yield None, record[self.label]

    def _name(self):
        return {
            "pictures": self.examples,
            "dataset": self.builder.info.full_name,
            "split": self.split,
        }


def _builder(name, data_dir, download):
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            "Data sets of TFDS need more packages: pip install keraslight[train]"
        ) from error
    if name is None:
        return tfds.builder_from_directory(data_dir)
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        close = difflib.get_close_matches(name, tfds.list_builders())
        raise ValueError(
            f"TFDS knows no data set of that name{f', but {close}' if close else ''}. "
            f"Received: dataset={name!r}"
        ) from error
    if not builder.is_prepared():
        if not download:
            raise ValueError(
                f"The data set is not prepared: pass --download, or run `tfds build {name}`. "
                f"Received: dataset={name!r}, looked for in '{builder.data_dir}'"
            )
        _check_reachable(builder)
        builder.download_and_prepare(file_format=FILE_FORMAT)
    return builder


def _check_reachable(builder):
    """Fails at once where TFDS would retry for minutes."""
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        manual = pathlib.Path.home() / "tensorflow_datasets/downloads/manual"
        if not manual.is_dir() or not any(manual.iterdir()):
            raise ValueError(
                f"{builder.name} has to be downloaded by hand to '{manual}': "
                f"{builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        return
    for url in list(builder.url_infos or ())[:1]:
        host = urllib.parse.urlsplit(url).hostname
        try:
            socket.create_connection((host, 443), timeout=SECONDS_TO_CONNECT).close()
        except OSError as error:
            raise ValueError(
                f"The data set {builder.name} is neither prepared in '{builder.data_dir}' nor to "
                f"be had: no connection to {host} within {SECONDS_TO_CONNECT} s ({error})."
            ) from error


def _features(builder):
    """Returns the names of the image and of the label."""
    import tensorflow_datasets as tfds

    features = dict(builder.info.features)
    keys = builder.info.supervised_keys or ("image", "label")
    if not (
        isinstance(features.get(keys[0]), tfds.features.Image)
        and isinstance(features.get(keys[1]), tfds.features.ClassLabel)
    ):
        raise ValueError(
            "The data set must be one of pictures with one label each. Received: "
            f"{builder.name} with the features {list(features)}"
        )
    return keys[0], keys[1]
