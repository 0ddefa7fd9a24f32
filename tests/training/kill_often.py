r"""Trains twice, once killed with signal 9 at random moments, and compares the weights.

    python -m tests.training.kill_often --kills=20 --recipe=tests/training/tiny_recipe.py \
        --output_dir=runs/kills --save_every=2 --set=epochs=240

Takes the flags of training.train besides its own; without --data_dir it makes small pictures. The
folder gets kills.json. The command above takes about five minutes on two cores.
"""

import json
import os
import pathlib
import random
import signal
import sys
import time

from absl import app, flags

from keraslight.commands.program import command
from keraslight.files import write_whole
from tests.training.pictures import make_folder
from training import common_flags, train
from training.callbacks import CHECKPOINT, read_run
from training.fine_tune import MODEL

FLAGS = flags.FLAGS
_KILLS = flags.DEFINE_integer("kills", 20, "How often.")
_KILL_SEED = flags.DEFINE_integer("kill_seed", 0, "Seed of the moments.")
_LONGEST = flags.DEFINE_float("longest", 1.5, "Seconds a start may live beyond a checkpoint.")


def start(folder):
    """Starts the training in a process of its own, which has its imports already."""
    pid = os.fork()
    if pid == 0:
        FLAGS.output_dir = str(folder)
        train.main(sys.argv[:1])
        os._exit(0)
    return pid


def finish(pid):
    """Waits for a process; returns how it ended."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def train_killed_often(folder):
    """Kills the training, each time at some moment after it has written a checkpoint."""
    moments = random.Random(_KILL_SEED.value)
    steps = []
    for _ in range(_KILLS.value):
        since = time.time()
        pid = start(folder)
        path = folder / CHECKPOINT
        while not (path.exists() and path.stat().st_mtime > since):
            time.sleep(0.01)
        time.sleep(moments.uniform(0, _LONGEST.value))
        os.kill(pid, signal.SIGKILL)
        if finish(pid) != -signal.SIGKILL:
            raise RuntimeError(f"The training had ended before kill {len(steps) + 1}; add epochs.")
        steps.append(read_run(folder)["step"])
    if finish(start(folder)) != 0:
        raise RuntimeError("The training did not end well.")
    return steps


def main(argv):
    """Trains twice and compares."""
    folder = pathlib.Path(FLAGS.output_dir)
    if FLAGS.data_dir is None:
        FLAGS.data_dir = str(make_folder(folder / "pictures"))
    if finish(start(folder / "uninterrupted")) != 0:
        raise RuntimeError("The training did not end well.")
    steps = train_killed_often(folder / "killed")
    import keras

    # the recipe's file holds what the model is made of
    common_flags.recipe()
    weights, others = (
        keras.models.load_model(folder / name / MODEL).get_weights()
        for name in ("uninterrupted", "killed")
    )
    different = sum((a != b).any() for a, b in zip(weights, others, strict=True))
    result = {
        "kills": len(steps),
        "steps_of_the_checkpoints": steps,
        "weights": len(weights),
        "weights_that_differ": int(different),
        "command": command(),
    }
    write_whole(folder / "kills.json", json.dumps(result, indent=2).encode())
    print(json.dumps(result, indent=2))
    if different:
        raise RuntimeError(f"{different} of {len(weights)} weights differ.")


if __name__ == "__main__":
    app.run(main)
