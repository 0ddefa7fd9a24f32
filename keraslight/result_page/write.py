"""Writes what several commands measured as a page, as Markdown and as CSV."""

import csv
import html
import importlib.resources
import numbers
import os
import pathlib
import re
from collections.abc import Sequence

from keraslight.report import markdown_table
from keraslight.result_page.data import COLUMNS, FORMATS, Report, collect, columns_of, rows
from keraslight.result_page.plots import PLOTS
from keraslight.text import printable

# how a cell begins that a spreadsheet would take for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r")
LONGEST = 10_000


def write_report(
    folder: str | os.PathLike, documents: Sequence[dict], title: str = "Benchmark"
) -> list[pathlib.Path]:
    """Writes report.html, which needs nothing beside it, report.md and report.csv.

    Names and texts come from files, phones and servers: none of them can add markup to the page or
    a formula to the table.

    Args:
        folder: path of the folder to write to.
        documents: list of results, as `read_result` returns. Files of the same content belong to
            the same model.
        title: str, the title of the page.

    Returns:
        The paths of the three files.

    Raises:
        ImportError: if Jinja or Matplotlib is not installed.
        ValueError: if a result is not complete, or of a kind that is not known.
    """
    report = collect(documents)
    table = rows(report)
    contents = {
        "report.html": _html(report, table, title),
        "report.md": _markdown(report, table, title),
    }
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8")
    with (folder / "report.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in table)
    return [folder / name for name in (*contents, "report.csv")]


def _html(report: Report, table: list[dict], title: str) -> str:
    try:
        import jinja2
    except ImportError as error:
        raise ImportError("The report needs Jinja: pip install keraslight[report]") from error
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = importlib.resources.files(__package__).joinpath("page.html.j2").read_text()
    environment.globals["shown"] = _shown
    plots = [(name, svg) for name, draw in PLOTS for svg in [draw(table)] if svg]
    columns = columns_of(table)
    numeric = {column for column in columns if _is_numeric(table, column)}
    return environment.from_string(source).render(
        title=title, report=report, table=table, columns=columns, numeric=numeric, plots=plots
    )


def _is_numeric(table, column):
    return all(isinstance(row[column], numbers.Number | None) for row in table)


def _markdown(report: Report, table: list[dict], title: str) -> str:
    columns = columns_of(table)
    numeric = {column for column in columns if _is_numeric(table, column)}
    cells = [
        {c: row[c] if c in numeric else _text(_shown(c, row[c])) for c in columns} for row in table
    ]
    formats = {column: FORMATS.get(column, "") for column in numeric}
    lines = [f"# {_text(title)}", "", markdown_table(cells, formats, missing="")]
    for device in report.devices:
        lines += ["", f"## {_text(device['name'])}", ""]
        lines += [f"- {_text(key)}: {_text(value)}" for key, value in device["facts"].items()]
        lines += [f"- warning: {_text(warning)}" for warning in device["warnings"]]
    for model in report.models:
        lines += ["", f"## {_text(model['name'])}", ""]
        lines += [f"- {_text(key)}: {_text(value)}" for key, value in model["card"].items()]
    return "\n".join(lines) + "\n"


def _shown(column, value):
    """Returns a value of the table as text."""
    if value is None:
        return ""
    return format(value, FORMATS.get(column, "")) if isinstance(value, numbers.Number) else value


def _text(value):
    """Returns text that is text in Markdown too: no HTML, no links, no control characters."""
    text = html.escape(printable(value, LONGEST), quote=False)
    return re.sub(r"([\\`*\[\]])", r"\\\1", text)


def _cell(value):
    """Returns what a spreadsheet shows as it is."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value
