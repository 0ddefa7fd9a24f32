"""How often a classifier is right, and how often two of them agree."""

import numpy as np

from keraslight.tflite.classify import TOP, Predictions


def accuracy_of(predictions: Predictions, places: dict[str, set[int]]) -> dict:
    """Returns the shares of pictures whose class is the best, and among the best five.

    Args:
        predictions: of the classifier.
        places: dict from the label of a picture to the outputs that stand for it, as
            `outputs_of_labels` returns.

    Returns:
        A dict: `pictures`, their number; `top1` and `top5`, the shares; and `per_class`, a dict of
        the same for each class.
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
