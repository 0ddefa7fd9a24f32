"""The program `python -m training.studies.claims`."""

import os
import pathlib

import click

from keraslight.commands.program import Command, Failure, note, run
from keraslight.record import record, write_result
from keraslight.report import markdown_table
from training.files import to_csv
from training.studies.claims import archive, costs
from training.studies.claims.claims import CLAIMS, GOALS, recipes_of
from training.studies.claims.queue import pending, run_all, tasks
from training.studies.claims.runs import finished
from training.studies.claims.verdicts import int8_rows, run_rows, verdict_rows


@click.command(
    "training.studies.claims",
    cls=Command,
    examples=[
        "python -m training.studies.claims --list",
        "python -m training.studies.claims --run --runs=runs --data_dir=imagenette160",
        "python -m training.studies.claims --table --runs=runs",
    ],
)
@click.option("--list", "action", flag_value="list", help="Show the trainings and their cost.")
@click.option("--run", "action", flag_value="run", help="Train what is not trained yet.")
@click.option("--table", "action", flag_value="table", help="Write the tables of the results.")
@click.option(
    "--runs",
    default="runs",
    type=click.Path(file_okay=False),
    help="Folder with a folder RECIPE_SEED for each run.",
)
@click.option("--data_dir", help="Folder of images, with --run.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Trainings at a time; the cores by default."
)
@click.option(
    "--output_dir",
    default="results",
    type=click.Path(file_okay=False),
    help="Folder of the tables, and of claims_seeds.json, which keeps what finished runs found.",
)
def command(action, runs, data_dir, jobs, output_dir):
    """Decides which claims of the papers trainings on Imagenette show.

    Without --run nothing is trained. A run that was stopped goes on, a finished one is kept.
    Finished runs of other machines count, too, if claims_seeds.json has them.
    """
    runs, folder = pathlib.Path(runs), pathlib.Path(output_dir)
    kept = folder / "claims_seeds.json"
    archive.restore(runs, kept)
    if action == "list":
        show(runs)
    elif action == "run":
        if data_dir is None:
            raise click.UsageError("--run needs --data_dir.")
        if failed := run_all(
            runs, data_dir, jobs or os.cpu_count() or 1, note, lambda: archive.keep(runs, kept)
        ):
            raise Failure(f"Some trainings failed; their logs say why. Received: {failed}")
    elif action == "table":
        archive.keep(runs, kept)
        write_tables(runs, folder)
    else:
        raise click.UsageError("Give one of --list, --run and --table.")


def show(runs: pathlib.Path) -> None:
    """Prints the trainings in their order, with what they decide and cost."""
    left = set(pending(runs))
    counted = costs.read()
    rows, hours = [], 0.0
    for task in tasks():
        if task in left:
            hours += task.minutes / 60
        rows.append(
            {
                "recipe": task.recipe,
                "seed": task.seed,
                "step": task.step,
                "decides": ", ".join(decided_by(task.recipe)),
                "parameters (M)": _millions(counted, task.recipe, "fused_parameters"),
                "multiply-adds (M)": _millions(counted, task.recipe, "fused_macs"),
                "minutes": task.minutes,
                "state": "to do"
                if task in left
                else "done"
                if task.summary(runs).is_file()
                # a third seed that decides nothing
                else "not needed",
                "hours until then": hours if task in left else None,
            }
        )
    formats = dict.fromkeys(("parameters (M)", "multiply-adds (M)"), ".2f")
    formats |= {"minutes": ".0f", "hours until then": ".1f"}
    click.echo(markdown_table(rows, formats, missing=""))
    click.echo(f"{hours:.1f} hours of one core are left.")


def decided_by(recipe: str) -> list[str]:
    """Returns which claims a recipe decides, by their number, beginning with 1, and their paper."""
    claims = [
        f"{number} {claim.paper}"
        for number, claim in enumerate(CLAIMS, 1)
        if any(recipe in (pair.network, pair.peer) for pair in claim.pairs)
    ]
    return claims + ["goal" for goal in GOALS if goal.recipe == recipe]


def write_tables(runs: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes what is known of all claims, with records."""
    found = finished(runs)
    counted = costs.counted(recipes_of())
    data = next(
        (run.summary.get("record", {}).get("data") for of in found.values() for run in of), None
    )
    seeds = sorted({run.seed for of_recipe in found.values() for run in of_recipe})
    made = record(data=data, seeds=seeds)
    for name, rows in {
        "claims_verdicts.csv": verdict_rows(found),
        "claims_runs.csv": run_rows(found, counted),
        "claims_int8.csv": int8_rows(found),
    }.items():
        write_result(folder / name, to_csv([_rounded(row) for row in rows]), made)
    for row in verdict_rows(found):
        click.echo(f"{row['verdict']}: {row['claim']} {row['network']} {row.get('peer', '')}")


def _rounded(row):
    return {key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()}


def _millions(counted, recipe, column):
    return int(counted[recipe][column]) / 1e6 if recipe in counted else None


if __name__ == "__main__":
    run(command)
