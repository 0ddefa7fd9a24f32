"""How often a classifier is right, and how often two of them agree."""

import collections
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keraslight.tflite.classify import TOP, Predictions


def read_labels(path: str | os.PathLike) -> tuple[str, ...]:
    """Reads the names of the classes from a text file, one a line."""
    lines = pathlib.Path(path).read_text().splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return tuple(line.strip() for line in lines)


def outputs_of_labels(
    folders: Sequence[str], labels: Sequence[str], outputs: int
) -> dict[str, set[int]]:
    """Returns the outputs that stand for each folder's class; two may bear the same name.

    Args:
        folders: the names of the image folders.
        labels: the names of the outputs in order; empty: the folders are, in alphabetical order.
        outputs: int, the number of outputs of the file.

    Raises:
        ValueError: if the labels are not as many as the outputs or a folder is not among them.
    """
    if labels and len(labels) != outputs:
        raise ValueError(
            "The labels must be as many as the file has outputs. "
            f"Received: {len(labels)} labels for {outputs} outputs"
        )
    if not labels and len(folders) != outputs:
        raise ValueError(
            "The file has no labels and its outputs are not as many as the folders: pass "
            f"--labels=FILE with one name a line, in the order of the outputs. Received: "
            f"{len(folders)} folders for {outputs} outputs"
        )
    places = collections.defaultdict(set)
    for index, label in enumerate(labels or sorted(folders)):
        places[label].add(index)
    unknown = [folder for folder in folders if folder not in places]
    if unknown:
        raise ValueError(
            "Every folder's name must be one of the labels: pass --labels=FILE with one name a "
            f"line, in the order of the outputs. Received: {len(unknown)} folders that are none, "
            f"such as {unknown[0]!r}; a label is {(labels or folders)[0]!r}"
        )
    return {folder: places[folder] for folder in folders}


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


def accuracy(predictions: Predictions, places: dict[str, set[int]]) -> dict:
    """Returns the shares of pictures whose class is the best, and among the best five.

    Args:
        predictions: of the classifier.
        places: as `outputs_of_labels` returns.
    """
    labels = np.array([picture.label for picture in predictions.pictures])
    hits = np.array(
        [
            [index in places[label] for index in best]
            for label, best in zip(labels, predictions.classes, strict=True)
        ]
    )
    first, any_of_five = hits[:, 0], hits.any(axis=1)

    def shares(chosen):
        return {
            "pictures": int(chosen.sum()),
            "top1": float(first[chosen].mean()),
            f"top{TOP}": float(any_of_five[chosen].mean()),
        }

    everything = np.ones(len(labels), bool)
    per_class = {str(label): shares(labels == label) for label in np.unique(labels)}
    return {**shares(everything), "per_class": per_class}


def agreement(one: Predictions, other: Predictions) -> dict:
    """Compares what two classifiers say of the same pictures.

    Returns:
        A dict: `top1` and `top5` are the shares of pictures where the best class is the same, and
        of classes among the best five that both have; `score_drift` is the mean absolute
        difference of the two best scores; `disagreements` lists the pictures that differ.
    """
    same = one.classes[:, 0] == other.classes[:, 0]
    shared = [
        len(set(a) & set(b)) / len(a) for a, b in zip(one.classes, other.classes, strict=True)
    ]
    return {
        "pictures": len(same),
        "top1": float(same.mean()),
        f"top{TOP}": float(np.mean(shared)),
        "score_drift": float(np.abs(one.scores[:, 0] - other.scores[:, 0]).mean()),
        "disagreements": [
            {
                "picture": _name(one.pictures[index].source, index),
                "label": one.pictures[index].label,
                "classes": [int(one.classes[index, 0]), int(other.classes[index, 0])],
                "scores": [float(one.scores[index, 0]), float(other.scores[index, 0])],
            }
            for index in np.flatnonzero(~same)
        ],
    }


def _name(source, index):
    return source if isinstance(source, str) else f"picture {index}"
