"""Which outputs of a classifier stand for which class."""

import collections
from collections.abc import Sequence

from keraslight.pictures.folder import Picture
from keraslight.pictures.names import imagenet_classes

IMAGENET = "imagenet"
BACKGROUND = "background"  # the first of the 1001 outputs that TensorFlow's older networks have


def labels_of(given: Sequence[str] | str | None, outputs: int) -> tuple[str, ...]:
    """Returns the labels of outputs.

    The words for all classes of ImageNet, as `keraslight convert` writes them, are replaced by
    WordNet ids: two classes have the same word.

    Args:
        given: names in the order of the outputs; or `"imagenet"`, for the WordNet ids of 1000
            outputs or 1001; or `None`, for none.
        outputs: int, the number of outputs.

    Raises:
        ValueError: if there are more or fewer labels than outputs.
    """
    if isinstance(given, str):
        if given != IMAGENET:
            raise ValueError(
                f"`labels` must be a list of names, or {IMAGENET!r}. Received: labels={given!r}"
            )
        given = _of_imagenet(0, outputs)
    labels = tuple(given or ())
    require_labels(labels, outputs)
    return _of_imagenet(0, outputs) if labels == _of_imagenet(1, outputs) else labels


def _of_imagenet(part, outputs):
    """Returns the WordNet ids (part 0) or the words (part 1) for 1000 outputs or 1001."""
    labels = tuple(names[part] for names in imagenet_classes())
    return (BACKGROUND, *labels) if outputs == len(labels) + 1 else labels


def require_labels(labels: Sequence[str], outputs: int) -> None:
    """Refuses labels that are not as many as the outputs.

    Raises:
        ValueError: if they are not. No labels are fine.
    """
    if labels and len(labels) != outputs:
        raise ValueError(
            "The labels must be as many as the model has outputs. "
            f"Received: {len(labels)} labels for {outputs} outputs"
        )


def outputs_of_labels(
    pictures: Sequence[Picture], labels: Sequence[str], outputs: int
) -> dict[str, set[int]]:
    """Returns the outputs that stand for each picture's class; two may have the same name.

    A folder stands for the label of its name. A folder that is named by a WordNet id of ImageNet
    also stands for the label with the name of that class.

    Args:
        pictures: list of `keraslight.pictures.Picture`; their labels are the names of folders.
        labels: the names of the outputs in order; empty: the folders are, in alphabetical order.
        outputs: int, the number of outputs of the file.

    Raises:
        ValueError: if the labels are not as many as the outputs or a folder is not among them.
    """
    require_labels(labels, outputs)
    folders = sorted({picture.label for picture in pictures})
    if not labels and len(folders) != outputs:
        raise ValueError(
            "The file has no labels and its outputs are not as many as the folders: pass "
            f"--labels=FILE with one name a line, in the order of the outputs. Received: "
            f"{len(folders)} folders for {outputs} outputs"
        )
    places = collections.defaultdict(set)
    for index, label in enumerate(labels or folders):
        places[label].add(index)
    wordnet = dict(imagenet_classes())
    found = {folder: places.get(folder) or places.get(wordnet.get(folder)) for folder in folders}
    unknown = [folder for folder in folders if not found[folder]]
    if unknown:
        raise ValueError(
            "Every folder's name must be one of the labels: pass --labels=FILE with one name a "
            f"line, in the order of the outputs. Received: {len(unknown)} folders that are none, "
            f"such as {unknown[0]!r}; a label is {(labels or folders)[0]!r}"
        )
    return found


def require_same_outputs(files: Sequence[tuple[int, Sequence[str]]]) -> None:
    """Refuses to compare files whose outputs do not stand for the same classes.

    Args:
        files: for each file the number of its outputs and their labels, if they are known.

    Raises:
        ValueError: if they differ.
    """
    labels = {tuple(of_file) for _, of_file in files if of_file}
    if len({outputs for outputs, _ in files}) > 1 or len(labels) > 1:
        received = " and ".join(f"{n} outputs, labels {list(of_file[:3])}" for n, of_file in files)
        raise ValueError(
            "Files are compared output by output: their classes must be the same, in the same "
            f"order. Received: {received}"
        )
