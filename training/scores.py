"""How well a classifier did, overall and class by class."""

import dataclasses

import numpy as np
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    confusion_matrix,
    precision_recall_fscore_support,
)

# beyond so many classes the picture has no room for their names, or for counts
MOST_NAMES, MOST_COUNTS = 50, 20


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a classifier made of pictures whose classes are known.

    Attributes:
        labels, predictions: int arrays, the class of every picture and the one it was taken for.
        top5: float, the share of pictures whose class is among the five likeliest.
        class_names: list of str.
    """

    labels: np.ndarray
    predictions: np.ndarray
    top5: float
    class_names: list[str]

    @classmethod
    def of(cls, logits: np.ndarray, labels: np.ndarray, class_names: list[str]) -> "Scores":
        """Returns the scores of logits of shape `(pictures, classes)`."""
        likeliest = np.argsort(-logits, axis=-1)[:, :5]
        top5 = float((likeliest == labels[:, None]).any(axis=-1).mean())
        return cls(labels, likeliest[:, 0], top5, class_names)

    @property
    def accuracy(self) -> float:
        """The share of pictures taken for what they are."""
        return float((self.labels == self.predictions).mean())

    @property
    def confusion(self) -> np.ndarray:
        """How many pictures of the class of the row were taken for that of the column."""
        return confusion_matrix(self.labels, self.predictions, labels=range(len(self.class_names)))

    def per_class(self) -> list[dict]:
        """Returns a row per class: pictures, recall, precision, what it is mistaken for most."""
        columns = precision_recall_fscore_support(
            self.labels, self.predictions, labels=range(len(self.class_names)), zero_division=np.nan
        )
        mistakes = self.confusion
        np.fill_diagonal(mistakes, 0)
        return [
            {
                "class": name,
                "pictures": int(pictures),
                "recall": float(recall),
                "precision": float(precision),
                "f1": float(f1),
                "mistaken_for": self.class_names[row.argmax()] if row.any() else "",
            }
            for name, precision, recall, f1, pictures, row in zip(
                self.class_names, *columns, mistakes, strict=True
            )
        ]

    def plot(self, path) -> None:
        """Draws the confusion matrix, in shares of every class, into a PNG."""
        from matplotlib import pyplot as plt

        classes = len(self.class_names)
        shares = self.confusion / np.maximum(self.confusion.sum(axis=1, keepdims=True), 1)
        side = np.clip(0.5 * classes, 4, 20)
        figure, axis = plt.subplots(figsize=(side + 1, side), layout="constrained")
        ConfusionMatrixDisplay(shares, display_labels=self.class_names).plot(
            ax=axis,
            cmap="Blues",
            values_format=".2g",
            include_values=classes <= MOST_COUNTS,
            xticks_rotation="vertical",
        )
        if classes > MOST_NAMES:
            axis.set(xticks=[], yticks=[])
        axis.set(xlabel="taken for", ylabel="is", title=f"accuracy {self.accuracy:.2%}")
        figure.savefig(path, dpi=120)
        plt.close(figure)
