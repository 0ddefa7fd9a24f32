"""The scores of a classifier: accuracy, and recall and precision of every class."""

import dataclasses
from typing import ClassVar

import numpy as np
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    confusion_matrix,
    precision_recall_fscore_support,
)

from keraslight.report import Report

# with more classes than these, the figure has no room for their names, or for the shares
MOST_NAMES, MOST_SHARES = 50, 20


@dataclasses.dataclass(frozen=True)
class Scores(Report):
    """The predictions of a classifier for images whose classes are known.

    Attributes:
        labels: int array, the class of every image.
        predictions: int array, the predicted class of every image.
        top5: float, the share of images whose class is among the five with the highest scores.
        class_names: list of str.
    """

    formats: ClassVar = {"recall": ".3f", "precision": ".3f", "f1": ".3f"}

    labels: np.ndarray
    predictions: np.ndarray
    top5: float
    class_names: list[str]

    @classmethod
    def of(cls, logits: np.ndarray, labels: np.ndarray, class_names: list[str]) -> "Scores":
        """Returns the scores of logits of shape `(images, classes)`."""
        likeliest = np.argsort(-logits, axis=-1)[:, :5]
        top5 = float((likeliest == labels[:, None]).any(axis=-1).mean())
        return cls(labels, likeliest[:, 0], top5, class_names)

    @property
    def accuracy(self) -> float:
        """The share of images that are classified correctly."""
        return float((self.labels == self.predictions).mean())

    @property
    def confusion(self) -> np.ndarray:
        """The confusion matrix, with a row for each true class and a column for each predicted."""
        return confusion_matrix(self.labels, self.predictions, labels=range(len(self.class_names)))

    def as_dicts(self) -> list[dict]:
        """Returns a row per class: images, recall, precision, F1, the most frequent mistake."""
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

    def _figure_size(self) -> tuple[float, float]:
        side = float(np.clip(0.5 * len(self.class_names), 4, 20))
        return side + 1, side

    def _draw(self, ax) -> None:
        """Draws the confusion matrix, in shares of the images of each class."""
        classes = len(self.class_names)
        shares = self.confusion / np.maximum(self.confusion.sum(axis=1, keepdims=True), 1)
        ConfusionMatrixDisplay(shares, display_labels=self.class_names).plot(
            ax=ax,
            cmap="Blues",
            values_format=".2g",
            include_values=classes <= MOST_SHARES,
            xticks_rotation="vertical",
        )
        if classes > MOST_NAMES:
            ax.set(xticks=[], yticks=[])
        ax.set(xlabel="predicted", ylabel="true", title=f"accuracy {self.accuracy:.2%}")
