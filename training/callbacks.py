"""What happens beside the steps of a training run: checkpoints, logs, timing, the stop at NaN."""

import logging
import math
import pathlib
import time
from collections.abc import Callable

import keras
import numpy as np

from keraslight.files import write_whole
from training.checkpoint import (
    NotFinite,
    State,
    drop_newest,
    read_state,
    state_of,
    write_state,
)
from training.files import save_model, to_csv

# inside the folder of a run
CHECKPOINTS = "checkpoints"
BEST = "checkpoints/best.keras"
LOG = "log.csv"
BAD_BATCH = "not_finite.npz"
NEAR_INPUT_RATE = 0.8
# to look at a loss waits for the device
LOOK_EVERY = 50

_log = logging.getLogger(__name__)


def begun(state: State | None, accumulate: int) -> dict:
    """Returns how far a run has come, of which no step may be done yet.

    Args:
        state: the checkpoint it goes on from, `None` at the beginning.
        accumulate: int, how many steps share an update now: their number counts in these.

    Returns:
        The number of steps done, the means of the metrics over an epoch that was interrupted, a row
        for every epoch done, the best score and its epoch, and the seconds spent.
    """
    if state is None:
        nothing = {"step": 0, "epoch_logs": None, "history": [], "seconds": 0.0}
        return {**nothing, "best": None, "best_epoch": None, "accumulate": accumulate}
    progress = dict(state.progress)
    progress["step"] = progress["step"] // progress["accumulate"] * accumulate
    return {**progress, "accumulate": accumulate}


class Checkpoints(keras.callbacks.Callback):
    """Keeps the state of the run, the best model so far and the log of all epochs.

    A disk that is full costs the file, not the run.

    Args:
        folder: path of the run's folder.
        progress: what `begun` returned.
        steps_per_epoch: int.
        every: optional int, steps between two states; there is one after every epoch besides. It
            is rounded up to whole updates.
        copy: function that returns a model to save with the weights of the one in training.
        chosen_by: function from the logs of an evaluation to what the best model is greatest in.
        first_step: function that is called when the first step has run.
        writes: bool, whether this process writes; of several only one should.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        progress: dict,
        steps_per_epoch: int,
        every: int | None,
        copy: Callable[[keras.Model], keras.Model],
        chosen_by: Callable[[dict], float],
        first_step: Callable[[], None] = lambda: None,
        writes: bool = True,
    ):
        super().__init__()
        self.folder = folder
        self.steps_per_epoch = steps_per_epoch
        self.every = every
        self.copy = copy
        self.chosen_by = chosen_by
        self.first_step = first_step
        self.writes = writes
        self.progress = dict(progress)
        self.step = self.saved = self.progress["step"]
        self.looks_at_loss = lambda: None

    def on_train_begin(self, logs=None):
        self.started = time.perf_counter() - self.progress["seconds"]

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch_start = epoch * self.steps_per_epoch
        # an epoch that was interrupted goes on where it stopped
        self.skipped = self.step - self.epoch_start

    def on_train_batch_end(self, batch, logs=None):
        if self.first_step:
            self._write("run.json", self.first_step)
            self.first_step = None
        done = min(self.skipped + batch + 1, self.steps_per_epoch)
        self.step = self.epoch_start + done
        due = self.every and self.step - self.saved >= self.every and done < self.steps_per_epoch
        if due and self.step % self.progress["accumulate"] == 0:
            logs = {name: float(value) for name, value in logs.items()}
            self._save(self._whole_epoch(logs, done))

    def on_test_end(self, logs=None):
        # here, before SwapEMAWeights undoes it, the model holds the averaged weights
        score = self.chosen_by(logs)
        better = self.progress["best"] is None or score >= self.progress["best"]
        if better and self._write(BEST, self._save_best):
            self.progress["best"] = score
            self.progress["best_epoch"] = self.step // self.steps_per_epoch

    def on_epoch_end(self, epoch, logs=None):
        logs = {name.replace("val_", "minival_"): value for name, value in logs.items()}
        row = {"epoch": epoch + 1, **self._whole_epoch(logs, self.steps_per_epoch)}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.progress["history"].append(row)
        self._save(None)
        self._write(LOG, lambda: write_whole(self.folder / LOG, to_csv(self.progress["history"])))

    def _save_best(self):
        (self.folder / CHECKPOINTS).mkdir(exist_ok=True)
        save_model(self.copy(self.model), self.folder / BEST)

    def _whole_epoch(self, logs, done):
        """Returns the means over the first steps of an epoch, the last of them done here."""
        before = (self.progress["epoch_logs"] or {}) if self.skipped else {}
        share = self.skipped / done
        return {
            name: share * before[name] + (1 - share) * value if name in before else value
            for name, value in logs.items()
        }

    def _save(self, epoch_logs):
        self.looks_at_loss()
        try:
            tensors = state_of(self.model)
        except NotFinite as error:
            raise NotFinite(f"{error} after step {self.step}. {self.advice()}") from error
        progress = {
            **self.progress,
            "step": self.step,
            "epoch_logs": epoch_logs,
            "seconds": time.perf_counter() - self.started,
        }
        folder = self.folder / CHECKPOINTS
        if self._write("The checkpoint", lambda: write_state(folder, tensors, progress)):
            self.saved = self.step

    def advice(self) -> str:
        """Returns what to do after a loss or weights that are not finite."""
        stands = "No checkpoint was written yet: give the command again"
        if self.saved:
            stands = (
                f"The checkpoint of step {self.saved} stands. To go on from there, give the "
                "command again"
            )
        return (
            f"{stands} with --change and a lower learning rate (--set=learning_rate=..., in "
            "training.qat --set=qat_learning_rate=...), with --set=clip_norm=1.0, or without "
            "--mixed_precision. A longer warm-up needs a new run."
        )

    def _write(self, name, write):
        """Writes a file unless that is another process's task; returns whether it is there."""
        if not self.writes:
            return True
        try:
            write()
        except OSError as error:
            _log.error("%s could not be written, the last one stands: %s", name, error)
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
            _log.warning(
                "The input is the bottleneck: alone it makes %.0f images per second, training "
                "takes %.0f. More cores, less augmentation, or --cache_gb help.",
                self.input_rate,
                rate,
            )


class StopAtNaN(keras.callbacks.Callback):
    """Stops when the loss is not finite, and saves the batch of that step for a look at it.

    It looks at the losses before every checkpoint, after every epoch and every `LOOK_EVERY` steps:
    to look waits for the device.

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
        self.losses = []
        checkpoints.looks_at_loss = self.look

    def on_train_batch_begin(self, batch, logs=None):
        self.begin = batch

    def on_train_batch_end(self, batch, logs=None):
        first = self.checkpoints.epoch_start + self.checkpoints.skipped
        steps = range(first + self.begin, first + batch + 1)
        self.losses.append((steps, logs["loss"]))
        if len(self.losses) >= LOOK_EVERY:
            self.look()

    def on_epoch_end(self, epoch, logs=None):
        self.look()

    def look(self) -> None:
        """Raises `NotFinite` if one of the losses since the last look is not finite."""
        losses, self.losses = self.losses, []
        # means over the epoch: once one is not finite, all that follow are not
        if losses and not math.isfinite(float(losses[-1][1])):
            self._stop(*next(pair for pair in losses if not math.isfinite(float(pair[1]))))

    def _stop(self, steps, loss):
        checkpoints = self.checkpoints
        note, advice = "", checkpoints.advice
        if checkpoints.writes:
            arrays = [
                keras.tree.map_structure(keras.ops.convert_to_numpy, data)
                for data in self.batches(steps)
            ]
            images, labels = keras.tree.map_structure(lambda *x: np.concatenate(x), *arrays)
            labels = labels if isinstance(labels, dict) else {"labels": labels}
            np.savez(self.folder / BAD_BATCH, images=images, **labels, steps=np.array(steps))
            note = f"; its batch was written to {self.folder / BAD_BATCH}"
            # it holds the very weights whose loss is not finite
            saved = self.folder / CHECKPOINTS
            if 0 < checkpoints.saved == steps.start:
                note += f"; the checkpoint of step {steps.start} gives this loss"
                if drop_newest(saved):
                    note += " and was removed"
                    checkpoints.saved = read_state(saved).progress["step"]
                else:
                    advice = _begin_again
        raise NotFinite(f"The loss is {float(loss)} at step {steps.start}{note}. {advice()}")


def _begin_again():
    return "It is the only one: begin again with another --output_dir and a lower learning rate."
