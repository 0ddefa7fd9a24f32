r"""Writes every table of the documentation, and the maps of latency, from the files in results/.

    python -m docs.tables                    # the tables and the maps, from the files
    python -m docs.tables --measure=missing  # counts networks that models.csv does not have, first
    python -m docs.tables --measure=all      # counts models.csv and imagenette_cost.csv anew

A table is between `<!-- table NAME -->` and `<!-- end -->`, in README.md, docs/, results/ or a
README.md of a study. A test compares the pages with the files.
"""

import pathlib
import re

import click

from docs import arm_tables, import_tables, latency_map, made_tables, speed_tables
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "results"
README = ROOT / "README.md"
TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES = {
    function.__name__: function
    for function in (
        made_tables.models,
        made_tables.licences,
        made_tables.imagenette,
        made_tables.detection,
        made_tables.detection_cost,
        made_tables.claims,
        made_tables.ablations,
        made_tables.claims_runs,
        made_tables.claims_int8,
        made_tables.int8,
        made_tables.int8_exact,
        made_tables.runtime_rules,
        made_tables.devices,
        made_tables.replacement,
        made_tables.census,
        made_tables.runtimes,
        made_tables.training_speed,
        made_tables.quantization_cost,
        made_tables.refco,
        made_tables.hard_cases,
        made_tables.formats,
        made_tables.gallery,
    )
} | {**arm_tables.TABLES, **speed_tables.TABLES, **import_tables.TABLES}


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


def measure(known: dict[str, list[dict]]) -> None:
    """Counts the cost of networks and writes models.csv and imagenette_cost.csv.

    Args:
        known: the rows of each that need not be counted again.
    """
    import keraslight
    from docs import measure as counts

    recipes = [row["run"] for row in made_tables.read_csv("imagenette.csv")]
    for name, key, wanted, count in (
        ("models.csv", "model", keraslight.list_models(), counts.models),
        ("imagenette_cost.csv", "recipe", recipes, counts.recipes),
    ):
        rows = {row[key]: row for row in known[name]}
        if missing := [network for network in wanted if network not in rows]:
            rows |= {row[key]: row for row in count(missing)}
            write_measured([rows[network] for network in wanted], RESULTS / name)


@click.command("docs.tables", cls=Command, examples=["python -m docs.tables"])
@click.option(
    "--measure",
    "measured",
    type=click.Choice(["none", "missing", "all"]),
    default="none",
    help="Which networks to count parameters and multiply-adds of, before.",
)
def command(measured):
    """Writes every table of the documentation from the files in results/."""
    if measured != "none":
        names = ("models.csv", "imagenette_cost.csv")
        measure({n: made_tables.read_csv(n) if measured == "missing" else [] for n in names})
    for page in pages():
        text = page.read_text()
        made = with_tables(text)
        if made != text:
            page.write_text(made)
            click.echo(f"{page.relative_to(ROOT)} has new tables")
    for path in latency_map.write_all(ROOT / "docs"):
        click.echo(f"{path.relative_to(ROOT)} is new")


if __name__ == "__main__":
    run(command)
