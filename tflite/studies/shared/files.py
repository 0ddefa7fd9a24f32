"""The files that a study times, and where its result goes."""

import os
import pathlib
import re

import click
import keras

import keraslight
from keraslight.commands.program import note
from keraslight.conversion import noise

MADE_TABLE = "<!-- table "


def write_int8(fused: keras.Model, path: str | os.PathLike) -> None:
    """Writes an int8 file whose ranges come from noise: good for timing only.

    Raises:
        ValueError: if keraslight's quantizer does not take the model.
    """
    quantized = keraslight.quantize_model(fused)
    noise.calibrate(quantized)
    keraslight.export_tflite(quantized, path, "int8")


def publish(result: dict, text: str, path: pathlib.Path) -> None:
    """Writes a study's table as Markdown beside its JSON, with the command above, and shows it.

    Args:
        result: the result, as it was written.
        text: the table.
        path: path of the JSON file.
    """
    click.echo(text)
    write_table(path, f"`{result['command']}`\n\n{text}\n")
    for warning in result["runs"][0]["warnings"]:
        note(f"warning: {warning}")
    note(f"written to {path}")


def write_table(path: str | os.PathLike, text: str) -> None:
    """Writes a table as Markdown beside a result.

    A page of results/ whose tables `python -m docs.tables` makes from the result stays as it is.
    """
    page = pathlib.Path(path).with_suffix(".md")
    if page.is_file() and MADE_TABLE in page.read_text():
        note(f"the tables of {page} are made by: python -m docs.tables")
        return
    page.write_text(text)
    note(f"written to {page}")


def result_path(
    json_file: str | os.PathLike | None,
    folder: pathlib.Path,
    name: str,
    processor: str,
    kind: str | None,
) -> pathlib.Path:
    """Returns where a result goes: the file that was asked for, or one beside the timed files.

    Nothing in results/ is replaced unless that is asked for. Processors of one name may be of
    several kinds (see `keraslight.machine.KINDS`), so the name of the file has both.
    """
    device = slug(" ".join(filter(None, (processor, kind))))
    return pathlib.Path(json_file or folder / f"{name}_{device}.json")


def slug(text: str) -> str:
    """Returns a name as it stands in names of files."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
