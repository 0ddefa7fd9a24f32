"""The trainings in the order in which they decide claims, and the program that does them.

A tier's first two seeds come before its int8 steps, and those before its third seed. A third seed
is left out where two have decided all pairs of a recipe.
"""

import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
from typing import NamedTuple

from training.studies.claims.claims import (
    CLAIMS,
    INT8_STEPS,
    MINUTES,
    recipes_of,
    seeds_of,
)
from training.studies.claims.runs import SUMMARY, finished, folder_of, pooled_deviation
from training.studies.claims.verdicts import standard_error, verdict

TRAIN = "train"
# standard errors of a difference from which no third seed is needed
DECIDED = 4


class Task(NamedTuple):
    """A training, or a further training in int8.

    Attributes:
        recipe: its name.
        seed: int.
        step: `"train"`, or one of `INT8_STEPS`.
    """

    recipe: str
    seed: int
    step: str = TRAIN

    @property
    def minutes(self) -> float:
        """What it costs, in minutes of one core."""
        return MINUTES[self.recipe] * INT8_STEPS.get(self.step, 1)

    def summary(self, runs: pathlib.Path) -> pathlib.Path:
        """Returns the file that is there when the task is done."""
        folder = folder_of(runs, self.recipe, self.seed)
        return (folder if self.step == TRAIN else folder / self.step) / SUMMARY

    def weights(self, runs: pathlib.Path) -> pathlib.Path:
        """Returns the file with the trained network."""
        return folder_of(runs, self.recipe, self.seed) / "model.keras"

    def command(self, runs: pathlib.Path, data_dir: str) -> list[str]:
        """Returns the command line that does it, or goes on with it."""
        folder = folder_of(runs, self.recipe, self.seed)
        if self.step == TRAIN:
            program = ["training.train", f"--recipe={self.recipe}", f"--output_dir={folder}"]
        else:
            program = ["training.qat", f"--run={folder}"]
            program += ["--control"] if self.step == "qat_control" else []
        options = [f"--seed={self.seed}", f"--data_dir={data_dir}", "--verbose=2"]
        return [sys.executable, "-m", *program, *options]


def tasks() -> list[Task]:
    """Returns all tasks in order."""
    planned = []
    for tier in sorted({claim.tier for claim in CLAIMS}):
        recipes = recipes_of(tier)
        rounds = [
            [Task(recipe, seed) for recipe in recipes if seed < seeds_of(recipe, tier)]
            for seed in range(3)
        ]
        int8 = [Task(recipe, 0, step) for recipe in recipes for step in INT8_STEPS]
        planned += [*rounds[0], *rounds[1], *(int8 if tier == 1 else []), *rounds[2]]
    return list(dict.fromkeys(planned))


def pending(runs: pathlib.Path) -> list[Task]:
    """Returns the tasks that are not done, without third seeds that decide nothing."""
    left = [task for task in tasks() if not task.summary(runs).is_file()]
    decided = decided_recipes(runs)
    return [task for task in left if task.seed < 2 or task.recipe not in decided]


def decided_recipes(runs: pathlib.Path) -> set[str]:
    """Returns the recipes all of whose pairs two seeds have decided."""
    found = finished(runs)
    spread = pooled_deviation(found)
    open_ = set()
    for claim in CLAIMS:
        for pair in claim.pairs:
            row = verdict(pair, found, spread)
            seeds = row["network_seeds"], row["peer_seeds"]
            enough = min(seeds) >= 2 and spread is not None
            if not enough or abs(row["difference"]) < DECIDED * standard_error(spread, seeds):
                open_ |= {pair.network, pair.peer}
    return set(recipes_of()) - open_


def run_all(runs: pathlib.Path, data_dir: str, jobs: int, note, keep=lambda: None) -> list[Task]:
    """Does what is pending, `jobs` at a time with one thread each, and returns what failed.

    Every process writes to `<folder of the run>.log`. An int8 step waits for its training; where
    that failed, so does the step. If the training was done elsewhere, so that its weights are not
    here, it is done again.

    Args:
        runs: folder of the runs.
        data_dir: folder of the images.
        jobs: int, processes at a time.
        note: function that is called with a line for each task that begins or ends.
        keep: function that is called, by one thread at a time, after each task that succeeds.
    """
    waiting, failed, keeping = queue.Queue(), [], threading.Lock()
    done = {task: threading.Event() for task in tasks()}
    for task, event in done.items():
        if task.summary(runs).is_file():
            event.set()
    for task in pending(runs):
        waiting.put(task)

    def work():
        while True:
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            if task.seed >= 2 and task.recipe in decided_recipes(runs):
                continue
            if task.step != TRAIN:
                done[Task(task.recipe, task.seed)].wait()
            note(f"begin {task.step} of {task.recipe}, seed {task.seed}")
            if _succeeds(task, runs, data_dir):
                with keeping:
                    keep()
            else:
                failed.append(task)
                note(f"failed: {task.step} of {task.recipe}, seed {task.seed}; see its log")
            done[task].set()

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return failed


def _succeeds(task, runs, data_dir):
    runs.mkdir(parents=True, exist_ok=True)
    training = Task(task.recipe, task.seed)
    missing = task != training and not training.weights(runs).is_file()
    if missing and not _succeeds(training, runs, data_dir):
        return False
    polite = ["nice", "-n", "10"] if shutil.which("nice") else []
    threads = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    log = folder_of(runs, task.recipe, task.seed).with_suffix(".log")
    with log.open("a") as file:
        result = subprocess.run(
            [*polite, *task.command(runs, data_dir)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **threads},
            check=False,
        )
    return result.returncode == 0
