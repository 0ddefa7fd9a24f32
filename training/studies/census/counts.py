"""Counts of kernels near fixed ones, and the accuracy with those replaced."""

import pathlib

import keras
import matplotlib

import keraslight
from keraslight.canvas import canvas
from keraslight.visualize.census import KernelCensus

matplotlib.use("Agg")


def untrained(model: keras.Model) -> keras.Model:
    """Returns the same model with new initial weights."""
    keras.utils.set_random_seed(0)
    return type(model).from_config(model.get_config())


def replacement(model: keras.Model, thresholds: list[float], accuracy_of) -> list[dict]:
    """Returns the accuracy of a model with its kernels replaced, for every threshold.

    Args:
        model: the trained model.
        thresholds: cosine similarities; the first row is the model as it is.
        accuracy_of: callable that gets a model and returns its accuracy.
    """
    rows = [{"threshold": None, "replaced": 0.0, "accuracy": accuracy_of(model)}]
    for threshold in thresholds:
        replaced, report = keraslight.replace_kernels(model, threshold)
        rows.append(
            {
                "threshold": threshold,
                "replaced": round(100 * report.share, 2),
                "accuracy": accuracy_of(replaced),
            }
        )
    return rows


def plot(censuses: dict[str, KernelCensus], path: pathlib.Path) -> None:
    """Draws censuses side by side."""
    height = 0.19 * max(len(census.layers) for census in censuses.values()) + 1.4
    with canvas(11, height) as figure:
        columns = figure.subplots(1, len(censuses), sharey=True)
        for axes, (name, census) in zip(columns, censuses.items(), strict=True):
            census.plot(axes)
            axes.set_title(name, fontsize=10)
        handles, labels = columns[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=9)
    figure.savefig(path)
