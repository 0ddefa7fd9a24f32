r"""Writes every table of the documentation from the files in results/.

    python -m docs.tables            # the tables, from the files
    python -m docs.tables --missing  # first the networks that models.csv lacks
    python -m docs.tables --measure  # first models.csv and imagenette_cost.csv, in some minutes

A table is between `<!-- table NAME -->` and `<!-- end -->`, in README.md, docs/, results/ or a
README.md of a study. A test compares the pages with the files.
"""

import pathlib
import re

import click

from docs import made_tables
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "results"
README = ROOT / "README.md"
TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES = {
    function.__name__: function
    for function in (
        made_tables.summary,
        made_tables.models,
        made_tables.licences,
        made_tables.imagenette,
        made_tables.latency,
        made_tables.latency_detail,
        made_tables.forms,
        made_tables.forms_by_choice,
        made_tables.int8,
        made_tables.int8_exact,
        made_tables.replacement,
        made_tables.census,
        made_tables.runtimes,
        made_tables.training_speed,
        made_tables.quantization_cost,
        made_tables.refco,
    )
}


def pages() -> list[pathlib.Path]:
    """Returns the Markdown files that may hold tables."""
    folders = (ROOT / "docs", RESULTS, ROOT / "training" / "studies", ROOT / "tflite")
    return [README, *sorted(path for folder in folders for path in folder.rglob("*.md"))]


def with_tables(text: str) -> str:
    """Returns a page with its tables made from the files in results/."""
    return TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", text)


def write_measured(rows: list[dict], path: pathlib.Path) -> None:
    """Writes what was counted, with its record."""
    from training.files import to_csv

    write_result(path, to_csv(rows), record())


def with_missing(rows: list[dict]) -> list[dict]:
    """Returns the rows of models.csv with those of networks that it lacks, and without others."""
    import keraslight
    from docs import measure

    found = {row["model"]: row for row in rows}
    names = keraslight.list_models()
    for name in names:
        if name not in found:
            (found[name],) = measure.models([name])
    return [found[name] for name in names]


@click.command("docs.tables", cls=Command, examples=["python -m docs.tables"])
@click.option("--measure", is_flag=True, help="Count parameters and multiply-adds again.")
@click.option("--missing", is_flag=True, help="Count those of networks that models.csv lacks.")
def command(measure, missing):
    """Writes every table of the documentation from the files in results/."""
    if missing:
        write_measured(with_missing(made_tables.read_csv("models.csv")), RESULTS / "models.csv")
    if measure:
        from docs import measure as counts

        write_measured(counts.models(), RESULTS / "models.csv")
        runs = [row["run"] for row in made_tables.read_csv("imagenette.csv")]
        write_measured(counts.recipes(runs), RESULTS / "imagenette_cost.csv")
    for page in pages():
        text = page.read_text()
        made = with_tables(text)
        if made != text:
            page.write_text(made)
            click.echo(f"{page.relative_to(ROOT)} has new tables")


if __name__ == "__main__":
    run(command)
