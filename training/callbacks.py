"""What happens beside the steps of a training run: checkpoints, logs, timing, the stop at NaN."""

import math
import pathlib
import time
from collections.abc import Callable

import keras
import numpy as np
from absl import logging

from keraslight.files import write_whole
from training.checkpoint import read_progress, write_state
from training.files import save_model, to_csv

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.keras"
LOG = "log.csv"
BAD_BATCH = "not_finite.npz"
NEAR_INPUT_RATE = 0.8


def read_run(folder: pathlib.Path) -> dict:
    """Returns how far the run in a folder has come, of which no step may be done yet.

    The number of steps done, the means of the metrics over an epoch that was interrupted, a row for
    every epoch done, the best accuracy, and the seconds spent.
    """
    if (folder / CHECKPOINT).exists():
        return read_progress(folder / CHECKPOINT)
    return {"step": 0, "epoch_logs": None, "history": [], "best": None, "seconds": 0.0}


class Checkpoints(keras.callbacks.Callback):
    """Keeps the state of the run, the best model so far and the log of all epochs.

    A disk that is full costs the file, not the run.

    Args:
        folder: path of the run's folder.
        steps_per_epoch: int.
        every: optional int, steps between two states; there is one after every epoch besides.
        copy: function that returns a model to save with the weights of the one in training.
        writes: bool, whether this process writes; of several only one should.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        steps_per_epoch: int,
        every: int | None,
        copy: Callable[[keras.Model], keras.Model],
        writes: bool = True,
    ):
        super().__init__()
        self.folder = folder
        self.steps_per_epoch = steps_per_epoch
        self.every = every
        self.copy = copy
        self.writes = writes
        self.progress = read_run(folder)
        self.step = self.saved = self.progress["step"]

    def on_train_begin(self, logs=None):
        self.started = time.perf_counter() - self.progress["seconds"]

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch_start = epoch * self.steps_per_epoch
        # an epoch that was interrupted goes on where it stopped
        self.skipped = self.step - self.epoch_start

    def on_train_batch_end(self, batch, logs=None):
        done = min(self.skipped + batch + 1, self.steps_per_epoch)
        self.step = self.epoch_start + done
        if self.every and self.step - self.saved >= self.every and done < self.steps_per_epoch:
            logs = {name: float(value) for name, value in logs.items()}
            self._save(self._whole_epoch(logs, done))

    def on_test_end(self, logs=None):
        # here, before SwapEMAWeights undoes it, the model holds the averaged weights
        accuracy = float(logs["accuracy"])
        if (self.progress["best"] is None or accuracy > self.progress["best"]) and self._write(
            BEST, lambda: save_model(self.copy(self.model), self.folder / BEST)
        ):
            self.progress["best"] = accuracy

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **self._whole_epoch(logs, self.steps_per_epoch)}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.progress["history"].append(row)
        self._save(None)
        self._write(LOG, lambda: write_whole(self.folder / LOG, to_csv(self.progress["history"])))

    def _whole_epoch(self, logs, done):
        """Returns the means over the first steps of an epoch, the last of them done here."""
        before = (self.progress["epoch_logs"] or {}) if self.skipped else {}
        share = self.skipped / done
        return {
            name: share * before[name] + (1 - share) * value if name in before else value
            for name, value in logs.items()
        }

    def _save(self, epoch_logs):
        progress = {
            **self.progress,
            "step": self.step,
            "epoch_logs": epoch_logs,
            "seconds": time.perf_counter() - self.started,
        }
        self._write(CHECKPOINT, lambda: write_state(self.folder / CHECKPOINT, self.model, progress))
        self.saved = self.step

    def _write(self, name, write):
        """Writes a file unless that is another process's task; returns whether it is there."""
        if not self.writes:
            return True
        try:
            write()
        except OSError as error:
            logging.error("%s could not be written, the last one stands: %s", name, error)
            return False
        return True


class Throughput(keras.callbacks.Callback):
    """Logs how many examples training takes in a second, without the first step's compilation.

    Says once if the input is what limits it.

    Args:
        batch_size: int, examples per step.
        input_rate: float, how many examples in a second the input alone makes.
    """

    def __init__(self, batch_size: int, input_rate: float):
        super().__init__()
        self.batch_size = batch_size
        self.input_rate = input_rate
        self.told = False

    def on_epoch_begin(self, epoch, logs=None):
        self.first = None

    def on_train_batch_end(self, batch, logs=None):
        self.last = batch, time.perf_counter()
        if self.first is None:
            self.first = self.last

    def on_epoch_end(self, epoch, logs=None):
        steps, seconds = (b - a for a, b in zip(self.first, self.last, strict=True))
        if not steps:
            return
        rate = logs["images_per_second"] = steps * self.batch_size / seconds
        if rate > NEAR_INPUT_RATE * self.input_rate and not self.told:
            self.told = True
            logging.warning(
                "The input is the bottleneck: alone it makes %.0f images per second, training "
                "takes %.0f. More cores, less augmentation, or --cache_gb help.",
                self.input_rate,
                rate,
            )


class NotFinite(Exception):
    """Training met a loss that is no finite number."""


class StopAtNaN(keras.callbacks.Callback):
    """Stops when the loss is not finite, and saves the batches of the step for a look at them.

    Args:
        folder: path of the run's folder.
        checkpoints: the run's `Checkpoints`, which know the step.
        batches: function from a range of steps to their batches.
    """

    def __init__(self, folder: pathlib.Path, checkpoints: Checkpoints, batches: Callable):
        super().__init__()
        self.folder = folder
        self.checkpoints = checkpoints
        self.batches = batches

    def on_train_batch_begin(self, batch, logs=None):
        self.begin = batch

    def on_train_batch_end(self, batch, logs=None):
        if math.isfinite(float(logs["loss"])):
            return
        first = self.checkpoints.epoch_start + self.checkpoints.skipped
        steps = range(first + self.begin, first + batch + 1)
        arrays = [
            keras.tree.map_structure(keras.ops.convert_to_numpy, data)
            for data in self.batches(steps)
        ]
        images, labels = (np.concatenate(values) for values in zip(*arrays, strict=True))
        np.savez(self.folder / BAD_BATCH, images=images, labels=labels, steps=np.array(steps))
        raise NotFinite(
            f"The loss is {logs['loss']} at step {steps.start}; its batch was written to "
            f"{self.folder / BAD_BATCH}. Try a lower learning rate, a longer warm-up, clip_norm or "
            f"no mixed precision. The last checkpoint, of step {self.checkpoints.saved}, stands."
        )
