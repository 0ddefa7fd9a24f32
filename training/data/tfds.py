"""Data sets of TensorFlow Datasets: any name, or the folder of one that is prepared."""

import copy
import difflib
import io
import pathlib
import socket
import urllib.parse
import zlib
from collections.abc import Iterator

import numpy as np

from training.data.order import Order
from training.data.source import BROKEN, MemoryImages, Source, decode, decoded

EVAL_SPLITS = ("validation", "test")
SECONDS_TO_CONNECT = 5
SHUFFLE_BUFFER = 16384
SAMPLE = 64


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
    builder = _builder(name, data_dir, download)
    image, label = _features(builder)
    splits = builder.info.splits
    if split is None:
        usual = ("train",) if kind == "train" else EVAL_SPLITS
        split = next((one for one in usual if one in splits), None)
    try:
        examples = splits[split].num_examples
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"{builder.name} has the splits {list(splits)}. Received: split={split!r}"
        ) from error
    records = Records(builder, split, examples, image, label)
    if examples * records.mean_pixels() * 3 / 1e9 > cache_gb:
        return records
    source = records.in_memory()
    source.identity = records.identity
    return source


class Records(Source):
    """Pictures in files that can only be read from beginning to end."""

    key_dtype = "string"

    def __init__(self, builder, split: str, examples: int, image: str, label: str):
        super().__init__([], builder.info.features[label].names)
        self.builder = builder
        self.split = split
        self.examples = examples
        self.image = image
        self.label = label
        # all examples of the split, or those from the first to before the second
        self.span = 0, examples
        self.identity = self._name

    def _name(self):
        info = self.builder.info
        return {
            "pictures": self.builder.info.splits[self.split].num_examples,
            "dataset": info.full_name,
            "split": self.split,
        }

    def hold_out(self, amount):
        """Parts the records: the first are held out, whatever their class.

        TFDS has shuffled them when it prepared the data set.
        """
        count = round(amount * len(self) if amount < 1 else amount)
        if not 0 < count < len(self):
            raise ValueError(
                "`minival` must hold out some of the training pictures and leave some. "
                f"Received: minival={amount} of {len(self)} pictures"
            )
        return self._part(count, len(self)), self._part(0, count)

    def _part(self, start, stop):
        part = copy.copy(self)
        part.span, part.examples = (start, stop), stop - start
        return part

    def _instruction(self):
        """Returns how TFDS calls the examples of `span`."""
        import tensorflow_datasets as tfds

        first, last = self.span
        parts, seen = [], 0
        splits = self.builder.info.splits
        whole = tfds.core.ReadInstruction.from_spec(self.split)
        for part in whole.to_absolute(splits):
            begin = part.from_ or 0
            end = splits[part.splitname].num_examples if part.to is None else part.to
            start, stop = max(begin, begin + first - seen), min(end, begin + last - seen)
            if start < stop:
                parts.append(f"{part.splitname}[{start}:{stop}]")
            seen += end - begin
        return "+".join(parts)

    def __len__(self):
        return self.examples

    def train_keys(self, order: Order, steps: range, rows: slice) -> Iterator[tuple]:
        per_epoch = order.steps_per_epoch
        step = steps.start
        while step < steps.stop:
            epoch, done = divmod(step, per_epoch)
            ending = min((epoch + 1) * per_epoch, steps.stop)
            dataset = self._shuffled(order.seed, epoch).skip(done * order.batch_size)
            batches = dataset.batch(order.batch_size).as_numpy_iterator()
            for now, (keys, labels) in zip(range(step, ending), batches, strict=False):
                yield order.positions(now)[rows], keys[rows], labels[rows]
            step = ending

    def eval_keys(self, batch_size: int, rows: slice) -> Iterator[tuple]:
        batches = self._examples().batch(batch_size).as_numpy_iterator()
        for number, (keys, labels) in enumerate(batches):
            indices = np.arange(number * batch_size, (number + 1) * batch_size)
            fill = (0, batch_size - len(keys))
            keys, labels = (np.pad(values, fill, "edge") for values in (keys, labels))
            yield self.weights(indices, batch_size)[rows], keys[rows], labels[rows]

    def read(self, key):
        return decode(io.BytesIO(key))

    def name_of(self, key):
        return f"a record of {len(key)} bytes in {self.split}, crc32 {zlib.crc32(key):08x}"

    def mean_pixels(self) -> float:
        """Returns how many pixels a picture has, the mean of the first."""
        pixels = []
        for key, _ in self._examples().take(SAMPLE).as_numpy_iterator():
            try:
                pixels.append(self.read(key)[..., 0].size)
            except BROKEN:
                continue
        return float(np.mean(pixels or [0]))

    def in_memory(self) -> MemoryImages:
        """Returns all pictures decoded."""
        return decoded(self, *zip(*self._examples().as_numpy_iterator(), strict=True))

    def sample(self, count, seed):
        examples = self._shuffled(seed, 0).take(count).as_numpy_iterator()
        return decoded(self, *zip(*examples, strict=True))

    def _examples(self, **arguments):
        import tensorflow_datasets as tfds

        dataset = self.builder.as_dataset(
            split=self._instruction(),
            decoders={self.image: tfds.decode.SkipDecoding()},
            **arguments,
        )
        return dataset.map(lambda example: (example[self.image], example[self.label]))

    def _shuffled(self, seed, epoch):
        import tensorflow_datasets as tfds

        seed = int(np.random.default_rng([seed, epoch]).integers(2**31))
        config = tfds.ReadConfig(shuffle_seed=seed, shuffle_reshuffle_each_iteration=False)
        dataset = self._examples(shuffle_files=True, read_config=config)
        return dataset.shuffle(SHUFFLE_BUFFER, seed, reshuffle_each_iteration=False)


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
        builder.download_and_prepare()
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
    for url in list(builder.url_infos)[:1]:
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
