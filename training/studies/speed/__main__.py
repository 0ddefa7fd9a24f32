"""The program `python -m training.studies.speed`."""

import json
import os

import click

from keraslight.commands.options import COUNT
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from training.studies.speed.step_rates import measure, summarize


@click.command(
    "training.studies.speed",
    cls=Command,
    examples=[
        "python -m training.studies.speed",
        "python -m training.studies.speed --threads=1 --rounds=5 --output=one_thread.json",
    ],
)
@click.option("--output", default="results/training_speed.json", help="JSON file to write.")
@click.option("--threads", type=COUNT, default=2, help="Threads of each.")
@click.option("--batch", type=click.IntRange(min=2), default=32, help="Images per step.")
@click.option("--size", type=click.IntRange(min=32), default=128, help="Height and width.")
@click.option("--steps", type=COUNT, default=10, help="Steps of a turn.")
@click.option("--rounds", type=COUNT, default=9, help="Turns of each.")
def command(output, **settings):
    """Times training steps of VGNetG-1.0MP in Keras and in PyTorch.

    Keras, PyTorch, and PyTorch with channels last take turns, each in a process of its own that
    sleeps while another works. The first step, which compiles, is timed apart. Ratios are taken
    within a round, where a change of the machine's speed affects all alike. Takes about three
    minutes on two cores, which should have nothing else to do. Needs pip install keraslight[speed].
    """
    load = os.getloadavg()[0]
    found = {"model": "VGNetG-1.0MP", **summarize(*measure(**settings)), **settings}
    made = record(packages=["torch"], load_before=load)
    write_result(output, found, made)
    click.echo(json.dumps(found, indent=2))


if __name__ == "__main__":
    run(command)
