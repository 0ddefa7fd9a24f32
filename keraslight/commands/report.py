"""`keraslight report`: one page of what the other commands measured."""

import click

from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.result_page import read_result, write_report


@click.command(
    "report",
    cls=Command,
    examples=["keraslight report phone.json desktop.json accuracy.json --output_dir=report"],
)
@click.argument("files", nargs=-1, required=True, type=options.FILE)
@click.option(
    "--output_dir",
    type=click.Path(file_okay=False),
    default="report",
    show_default=True,
    help="Folder for report.html, report.md and report.csv.",
)
@click.option("--title", default="Benchmark", show_default=True, help="Title of the page.")
def command(files, output_dir, title):
    """Write a page with tables, plots and a card for each model.

    FILES are what benchmark, evaluate and convert wrote with --json, in any number and order. Files
    of the same content belong to the same model. report.html needs nothing beside it.
    """
    page, *others = write_report(output_dir, [read_result(file) for file in files], title)
    note(f"written: {page}, {', '.join(path.name for path in others)}")
