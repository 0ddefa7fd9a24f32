"""The program `python -m training.studies.refco_cost`."""

import click

from keraslight.commands.options import COUNT
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from training.files import to_csv
from training.studies.refco_cost.layer import FORMS, SIZES, in_own_process


@click.command(
    "training.studies.refco_cost",
    cls=Command,
    examples=["python -m training.studies.refco_cost"],
)
@click.option("--output", default="results/refco_training.csv", help="CSV file to write.")
@click.option("--batch", type=COUNT, default=8, help="Images per step.")
@click.option("--steps", type=COUNT, default=10, help="Steps that are timed.")
def command(output, batch, steps):
    """Times a training step of one RefCO layer, and of the same layer branch by branch.

    Each runs in a process of its own, whose peak memory is that of the whole process. Takes about
    two minutes on two cores.
    """
    rows = []
    for channels, filters, side in SIZES:
        for form in FORMS:
            sizes = {"channels": channels, "filters": filters, "side": side}
            task = {"form": form, **sizes, "batch": batch, "steps": steps}
            found = {name: round(value, 1) for name, value in in_own_process(task).items()}
            rows.append({**task, **found})
            click.echo(
                f"{form}, {channels} to {filters} channels, {side}x{side}: "
                f"{found['ms']} ms, {found['peak_mb']} MB"
            )
    write_result(output, to_csv(rows), record())


if __name__ == "__main__":
    run(command)
