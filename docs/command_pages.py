"""The page of the command line, made from the commands."""

import html
import importlib
import inspect

import click

from keraslight.commands.main import main
from keraslight.failures import EXIT_CODES

# the programs of a checkout, each with a click command named `command`
PROGRAMS = (
    "training.train",
    "training.qat",
    "training.evaluate",
    "training.data.__main__",
    "training.quickstart",
)


def pages() -> dict[str, tuple[str, str]]:
    """Returns the page of the command line: path and Markdown by title."""
    return {"Command line": ("api/commands.md", "\n".join(_lines()))}


def commands() -> dict[str, click.Command]:
    """Returns the subcommands of `keraslight` and the programs of a checkout by their call."""
    context = click.Context(main, info_name="keraslight")
    found = {
        f"keraslight {name}": main.get_command(context, name)
        for name in main.list_commands(context)
    }
    for program in PROGRAMS:
        call = f"python -m {program.removesuffix('.__main__')}"
        found[call] = importlib.import_module(program).command
    return found


def _lines():
    yield from (
        "# Command line",
        "",
        "Installing keraslight gives one command, `keraslight`. A checkout of the repository also "
        "has the programs that train.",
        "",
        "| exit code | meaning |",
        "| --- | --- |",
        *(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()),
        "",
    )
    for name, command in commands().items():
        yield from _section(name, command)


def _section(name, command):
    context = command.make_context(name, [], resilient_parsing=True)
    yield from (f"## {name}", "", inspect.cleandoc(command.help or "").replace("\b\n", ""), "")
    usage = " ".join(command.collect_usage_pieces(context))
    yield from ("```text", f"{name} {usage}", "```", "")
    if examples := getattr(command, "examples", ()):
        yield from ("Examples:", "", "```bash", *examples, "```", "")
    yield from ("| option | |", "| --- | --- |")
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            options, text = (html.escape(part).replace("|", "&#124;") for part in record)
            yield f"| <code>{options}</code> | {text} |"
    yield ""
