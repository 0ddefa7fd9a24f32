"""What the training loop leaves to the kind of task: targets, loss, metrics and scores.

The loop, the order of the examples, checkpoints and devices are the same for every task.
"""

from typing import Protocol

import keras
import numpy as np

import keraslight
from keraslight.compat import build_loss_and_metrics
from training.auxiliary import trainable_form, without_auxiliary
from training.data.draws import Draws
from training.data.mixing import augment_batch
from training.data.views import RandomViews


class Task(Protocol):
    """A kind of training; a recipe names its own.

    Attributes:
        no_label: the label of a picture that cannot be read, which counts nothing.
        headline: str, the figure of `evaluate` that counts.
        chosen: str, the name of what `chosen_by` returns.
    """

    no_label: object
    headline: str
    chosen: str

    def train_batch(self, recipe, source, pictures: list, labels, size: int, draws: Draws) -> tuple:
        """Returns normalized images and targets of pictures, augmented."""

    def targets(self, recipe, source, labels, size: int):
        """Returns the targets of labels as evaluation sees them."""

    def trainable(self, model: keras.Model, recipe) -> keras.Model:
        """Returns what to train of the model that the recipe builds."""

    def deployed(self, model: keras.Model) -> keras.Model:
        """Returns the part of the model that is kept after the training."""

    def compile(self, model: keras.Model, recipe, **kwargs) -> None:
        """Compiles a model with the loss and the metrics of the task."""

    def chosen_by(self, logs: dict) -> float:
        """Returns what the best checkpoint is greatest in, of the logs of an evaluation."""

    def evaluate(self, model: keras.Model, data) -> dict:
        """Returns the scores of a model on the validation pictures."""

    def export(self, model: keras.Model, path, recipe, **about) -> None:
        """Writes a quantized model as a .tflite file; `about` is what its metadata say."""


class Classification:
    """Pictures of one class each."""

    no_label = 0
    headline = chosen = "accuracy"

    def train_batch(self, recipe, source, pictures, labels, size, draws):
        views = RandomViews(recipe, size, draws)(pictures)
        images = recipe.preprocessing(size, size).normalized(views)
        return augment_batch(images, self.targets(recipe, source, labels, size), recipe, draws)

    def targets(self, recipe, source, labels, size):
        return np.eye(len(source.class_names), dtype="float32")[np.asarray(labels)]

    def trainable(self, model, recipe):
        loss = cross_entropy(recipe.label_smoothing)
        return trainable_form(model, recipe.auxiliary_weight, loss)

    def deployed(self, model):
        return without_auxiliary(model)

    def compile(self, model, recipe, **kwargs):
        compile_model(model, recipe.label_smoothing, **kwargs)

    def chosen_by(self, logs):
        return float(logs["accuracy"])

    def evaluate(self, model, data):
        if not model.compiled:
            from training.loop import jit_mode

            compile_model(model, jit_compile=jit_mode())
        return model.evaluate(data.eval(), steps=data.eval_steps, verbose=0, return_dict=True)

    def export(self, model, path, recipe, **about):
        keraslight.export_tflite(model, path, "int8", **about)


def cross_entropy(label_smoothing: float) -> keras.losses.Loss:
    """Returns the loss of logits, for labels of one column per class."""
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)


def compile_model(model: keras.Model, label_smoothing: float = 0.0, **kwargs) -> None:
    """Compiles a model that gives logits, for labels of one column per class.

    Args:
        model: the model.
        label_smoothing: float.
        **kwargs: further arguments of `keras.Model.compile`.
    """
    model.compile(
        loss=cross_entropy(label_smoothing),
        weighted_metrics=[
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.TopKCategoricalAccuracy(5, name="top5"),
        ],
        **kwargs,
    )
    # so that fit() traces the model once
    build_loss_and_metrics(model, keras.KerasTensor(model.outputs[0].shape))
