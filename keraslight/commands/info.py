"""`keraslight info`."""

import click

from keraslight.commands import options
from keraslight.commands.program import Command, load_keras, show
from keraslight.files import require_place, write_json
from keraslight.record import record


@click.command(
    "info",
    cls=Command,
    examples=[
        "keraslight info model.tflite",
        "keraslight info model.tflite --graph",
        "keraslight info float.tflite int8.tflite --json=info.json",
        "keraslight info runs/flowers",
    ],
)
@click.argument("files", nargs=-1, required=True)
@click.option("--graph", is_flag=True, help="List the operators of .tflite files, with ranges.")
@options.json_file
def command(files, graph, json_file):
    """Show what is in a .tflite or .keras file.

    FILES are .tflite files: their operators and multiply-adds, which of them XNNPACK runs, types
    and ranges of inputs and outputs, labels, normalization and preprocessing. Or they are Keras
    models: .keras files, folders of runs of training, or names of keraslight.list_models(): their
    cost, and what fusing changes.
    """
    if json_file:
        require_place(json_file)  # before the work
    found = []
    for file in files:
        info = _info(file, graph)
        show(info)
        found.append(info)
    if json_file:
        write_json(json_file, {"kind": "info", "record": record(), "files": found})


def _info(file, graph):
    if file.endswith(".tflite"):
        from keraslight.tflite.inspection import inspect_file

        return inspect_file(file, graph)
    load_keras()
    from keraslight.conversion.inspection import inspect_model
    from keraslight.conversion.keras_model import load_model

    return inspect_model(load_model(file), file)
