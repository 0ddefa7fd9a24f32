"""The program `python -m tests.training.kill_often`: kills a training, and compares the weights."""

import json
import os
import pathlib
import random
import signal
import sys
import time
import traceback

import click

from keraslight.commands.options import COUNT
from keraslight.commands.program import Command, run
from keraslight.files import write_whole
from keraslight.record import record
from tests.training.pictures import make_folder
from training import options, train
from training.callbacks import CHECKPOINTS
from training.checkpoint import PATTERN, read_state
from training.recipe import load_recipe
from training.run_file import MODEL


def start(arguments, folder):
    """Starts the training in a process of its own, which has its imports already."""
    pid = os.fork()
    if pid == 0:
        try:
            train.command.main(
                [*arguments, f"--output_dir={folder}"], "train", standalone_mode=False
            )
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return pid


def finish(pid):
    """Waits for a process; returns how it ended."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def train_whole(arguments, folder):
    """Starts the training and waits for its end."""
    if finish(start(arguments, folder)) != 0:
        raise RuntimeError("The training did not end well.")


def newest(folder):
    """Returns the path of the newest checkpoint, `None` if there is none."""
    return max((folder / CHECKPOINTS).glob(PATTERN), default=None)


def cut_off(path):
    """Truncates a file to half its length."""
    os.truncate(path, path.stat().st_size // 2)


def train_killed_often(arguments, folder, kills, cuts, longest, moments):
    """Kills the training, each time at some moment after it has written a checkpoint.

    After some of the kills the newest of two checkpoints is truncated.

    Returns:
        A row for each kill.
    """
    cut_after = set(moments.sample(range(kills), cuts))
    rows = []
    for number in range(kills):
        before = newest(folder)
        pid = start(arguments, folder)
        while newest(folder) in (None, before):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                raise RuntimeError("The training ended before it was killed; add epochs.")
            time.sleep(0.01)
        time.sleep(moments.uniform(0, longest))
        os.kill(pid, signal.SIGKILL)
        if finish(pid) != -signal.SIGKILL:
            raise RuntimeError(f"The training ended before kill {number + 1}; add epochs.")
        cut = number in cut_after and len(list((folder / CHECKPOINTS).glob(PATTERN))) == 2
        if cut:
            cut_off(newest(folder))
        step = read_state(folder / CHECKPOINTS).progress["step"]
        rows.append({"resumed_at_step": step, "truncated": cut})
    train_whole(arguments, folder)
    return rows


@click.command(
    "tests.training.kill_often",
    cls=Command,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    examples=[
        "python -m tests.training.kill_often --recipe=tests/training/tiny_recipe.py "
        "--output_dir=runs/kills --save_every=2 --accumulate=2 --set=epochs=30"
    ],
)
@click.option("--kills", type=COUNT, default=20, help="How often.")
@click.option("--cuts", type=int, default=5, help="After how many the newest file is truncated.")
@click.option("--kill_seed", type=int, default=0, help="Seed of the moments.")
@click.option(
    "--longest", type=float, default=0.5, help="Seconds a start may live beyond a checkpoint."
)
@click.option("--data_dir", help="Folder of images; without it, small ones are made.")
@options.recipe
@options.output_dir
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def command(kills, cuts, kill_seed, longest, data_dir, recipe, output_dir, flags):
    """Trains twice, once killed with signal 9 at random moments, and compares the weights.

    FLAGS are further flags of training.train. The folder gets kills.json.
    """
    folder = pathlib.Path(output_dir)
    if data_dir is None:
        data_dir = str(make_folder(folder / "pictures"))
    arguments = [f"--recipe={recipe}", f"--data_dir={data_dir}", "--verbose=0", *flags]
    train_whole(arguments, folder / "uninterrupted")
    rows = train_killed_often(
        arguments, folder / "killed", kills, cuts, longest, random.Random(kill_seed)
    )
    import keras

    # the recipe's file holds what the model is made of
    load_recipe(recipe)
    weights, others = (
        keras.models.load_model(folder / name / MODEL).get_weights()
        for name in ("uninterrupted", "killed")
    )
    different = sum((a != b).any() for a, b in zip(weights, others, strict=True))
    result = {
        "kills": len(rows),
        "truncated_checkpoints": sum(row["truncated"] for row in rows),
        "resumed_at_steps": [row["resumed_at_step"] for row in rows],
        "weights": len(weights),
        "weights_that_differ": int(different),
        "record": record(seeds={"moments": kill_seed}),
    }
    text = json.dumps(result, indent=2)
    write_whole(folder / "kills.json", text.encode())
    click.echo(text)
    if different:
        print(f"error: {different} of {len(weights)} weights differ", file=sys.stderr)
    return int(different > 0)


if __name__ == "__main__":
    run(command)
