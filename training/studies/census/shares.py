"""The table of results/kernel_census.csv."""

from collections.abc import Iterable, Mapping

KINDS = ("identity", "gaussian", "edge", "none")


def shares(layers: Iterable[Mapping]) -> list[dict]:
    """Returns the percentages of learned kernels of every kind, by model and threshold.

    Args:
        layers: rows of the CSV file, as they are read or as they are to be written.
    """
    groups = {}
    for row in layers:
        group = groups.setdefault((row["model"], float(row["threshold"])), [])
        if str(row["learned"]) == "True":
            group.append(row)
    return [
        {"model": model, "threshold": threshold, **_percentages(rows)}
        for (model, threshold), rows in groups.items()
    ]


def _percentages(rows):
    total = sum(int(row["kernels"]) for row in rows)
    return {
        kind: round(100 * sum(int(row[kind]) for row in rows) / max(total, 1), 2) for kind in KINDS
    }
