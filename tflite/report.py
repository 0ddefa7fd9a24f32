r"""Makes one page of what the other programs measured: tables, pictures, a card for each model.

    python -m tflite.report phone.json desktop.json accuracy.json --output_dir=report

Takes the JSON files of tflite.benchmark, tflite.evaluate and tflite.convert, in any number and
order; files of the same content belong to the same model. Writes report.html, which needs nothing
beside it, report.md and report.csv.
"""

import csv
import json
import pathlib

from absl import flags

from keraslight.commands import program
from keraslight.result_page import data
from keraslight.result_page.data import COLUMNS, Report, collect, rows
from keraslight.result_page.plots import PLOTS

FLAGS = flags.FLAGS
flags.DEFINE_string("output_dir", "report", "Folder for report.html, report.md and report.csv.")
flags.DEFINE_string("title", "Benchmark", "Title of the page.")

TEMPLATE = pathlib.Path(data.__file__).with_name("page.html.j2")


def main(files):
    """Reads the results and writes the report."""
    if not files:
        raise ValueError("Pass the JSON files of the other programs. Received none")
    report = collect([_read(file) for file in files])
    folder = pathlib.Path(FLAGS.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    table = rows(report)
    (folder / "report.html").write_text(_html(report, table))
    (folder / "report.md").write_text(_markdown(report, table))
    with (folder / "report.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    program.note(f"written to {folder / 'report.html'}, report.md and report.csv")


def _read(file):
    try:
        values = json.loads(pathlib.Path(file).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"The file cannot be read as JSON: {error}. Received: '{file}'") from error
    if not isinstance(values, dict) or "kind" not in values:
        raise ValueError(f"The file is no result of the programs here. Received: '{file}'")
    return values


def _html(report: Report, table: list[dict]) -> str:
    try:
        import jinja2
    except ImportError as error:
        raise ImportError("The report needs Jinja: pip install keraslight[report]") from error
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(TEMPLATE.read_text())
    plots = [(title, svg) for title, draw in PLOTS for svg in [draw(table)] if svg]
    return template.render(
        title=FLAGS.title, report=report, table=table, columns=COLUMNS, plots=plots
    )


def _markdown(report: Report, table: list[dict]) -> str:
    lines = [f"# {FLAGS.title}", "", _row(COLUMNS), "| --- " * len(COLUMNS) + "|"]
    lines += [_row([row[column] for column in COLUMNS]) for row in table]
    for device in report.devices:
        lines += ["", f"## {device['name']}", ""]
        lines += [f"- {key}: {value}" for key, value in device["facts"].items()]
        lines += [f"- warning: {warning}" for warning in device["warnings"]]
    for model in report.models:
        lines += ["", f"## {model['name']}", ""]
        lines += [f"- {key}: {value}" for key, value in model["card"].items()]
    return "\n".join(lines) + "\n"


def _row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    program.run(main, takes_files=True)
