"""Pictures of TensorFlow Datasets."""

from keraslight.pictures.folder import Picture, spread


def read_split(
    name: str, split: str, data_dir: str | None = None, limit: int | None = None
) -> list[Picture]:
    """Reads a split of a set with features `image` and `label`, downloading it if need be.

    The pictures stay as they are encoded until they are classified.

    Args:
        name: str, the data set, as `"imagenette/160px-v2"`.
        split: str, such as `"validation"`.
        data_dir: optional folder of the data sets.
        limit: optional int, how many pictures to take at most, spread over all.

    Raises:
        ImportError: if TensorFlow Datasets is not installed.
        ValueError: if the set or the split is unknown, or it is none of labelled pictures.
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
        decoders = {"image": tfds.decode.SkipDecoding()}
        data = builder.as_dataset(split=split, decoders=decoders, shuffle_files=False)
    except (tfds.core.DatasetNotFoundError, AttributeError, KeyError, ValueError) as error:
        raise ValueError(
            "The data set must exist and have the features `image` and `label`. "
            f"Received: tfds={name!r}, split={split!r}: {error}"
        ) from error
    wanted = set(spread(range(len(data)), limit))
    return [
        Picture(example["image"], labels[example["label"]])
        for index, example in enumerate(tfds.as_numpy(data))
        if index in wanted
    ]
