"""Pictures of TensorFlow Datasets."""

from collections.abc import Iterator

from keraslight.pictures.folder import Picture, spread


def read_split(
    name: str, split: str, data_dir: str | None = None, limit: int | None = None
) -> list[Picture]:
    """Reads a split of a set with features `image` and `label`, downloading it if need be.

    The pictures are decoded only when they are classified.

    Args:
        name: str, the data set, as `"imagenette/160px-v2"`.
        split: str, such as `"validation"`.
        data_dir: optional folder of the data sets.
        limit: optional int, how many pictures to take at most, spread over all.

    Raises:
        ImportError: if TensorFlow Datasets is not installed.
        ValueError: if the set or the split is unknown, or it has no labelled pictures.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            "Data sets by name need TensorFlow Datasets: pip install keraslight[tfds]"
        ) from error
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        builder.download_and_prepare()
        labels = builder.info.features["label"].names
        wanted = set(spread(range(builder.info.splits[split].num_examples), limit))
        records = read_records(builder, split, "image")
    except (tfds.core.DatasetNotFoundError, AttributeError, KeyError, ValueError) as error:
        raise ValueError(
            "The data set must exist and have the features `image` and `label`. "
            f"Received: tfds={name!r}, split={split!r}: {error}"
        ) from error
    return [
        Picture(record["image"], labels[record["label"]])
        for index, record in enumerate(records)
        if index in wanted
    ]


def has_random_access(builder) -> bool:
    """Whether the files of a prepared `tfds.core.DatasetBuilder` can be read in any order."""
    from tensorflow_datasets.core.file_adapters import FileFormat

    return bool(builder.info.available_file_formats() & FileFormat.with_random_access())


def random_access(builder, split: str, image: str):
    """Returns the records of a split by their index, with encoded pictures.

    Args:
        builder: a `tfds.core.DatasetBuilder` whose files have random access.
        split: name of the split.
        image: name of the feature that holds the picture.
    """
    return builder.as_data_source(split, decoders=_encoded(image))


def read_records(builder, split: str, image: str) -> Iterator[dict]:
    """Returns the records of a split in order, with encoded pictures.

    Args:
        builder: a `tfds.core.DatasetBuilder` that is prepared, in whatever format.
        split: name of the split.
        image: name of the feature that holds the picture.
    """
    if has_random_access(builder):
        records = random_access(builder, split, image)
        return (records[index] for index in range(len(records)))
    data = builder.as_dataset(split=split, decoders=_encoded(image), shuffle_files=False)
    return iter(data.as_numpy_iterator())


def _encoded(image):
    import tensorflow_datasets as tfds

    return {image: tfds.decode.SkipDecoding()}
