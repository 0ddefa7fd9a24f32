"""What the networks of the recipes cost, counted once and kept in results/claims_cost.csv."""

import csv
import pathlib

from keraslight.record import record, write_result
from training.files import to_csv

FILE = pathlib.Path(__file__).parents[3] / "results" / "claims_cost.csv"


def read() -> dict[str, dict]:
    """Returns what was counted, by the name of the recipe."""
    if not FILE.is_file():
        return {}
    with FILE.open(newline="") as file:
        return {row["recipe"]: row for row in csv.DictReader(file)}


def counted(recipes: list[str]) -> dict[str, dict]:
    """Returns the costs of recipes; those that were not counted are, and are kept."""
    found = read()
    if missing := [name for name in recipes if name not in found]:
        from docs import measure

        found |= {row["recipe"]: row for row in measure.recipes(missing)}
        rows = [found[name] for name in recipes]
        write_result(FILE, to_csv(rows), record())
    return {name: found[name] for name in recipes}
