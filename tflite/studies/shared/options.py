"""The options of the studies that build and time networks."""

import click

from keraslight.commands import options

rounds = click.option(
    "--rounds", type=options.COUNT, default=5, help="How often each file is visited."
)
suite_dir = click.option(
    "--suite_dir",
    type=click.Path(file_okay=False),
    default="runs/suite",
    help="Folder for the files that are timed; those that are there are taken as they are.",
)
json_file = click.option(
    "--json",
    "json_file",
    type=options.NEW_FILE,
    help="File to write the result to, a table beside it. By default one in --suite_dir; nothing "
    "in results/ is replaced unless it is named here.",
)
