"""The command `keraslight`: imports the module of a subcommand when that is called."""

import importlib
import importlib.util

import click

from keraslight.commands.program import SETTINGS, errors_shown, quiet
from keraslight.failures import EXIT_CODES

# the subcommands; each is the click command `command` of the module of its name in this folder
COMMANDS = {
    "convert": "Convert a Keras model to .tflite files and check that they compute the same.",
    "info": "Show what is in a .tflite or .keras file.",
    "classify": "Classify PICTURES, files or folders, with a .tflite file or a Keras model.",
    "evaluate": "Measure the accuracy of classifiers and detectors: .tflite files or Keras models.",
    "benchmark": "Time .tflite files, on this machine or on Android phones, all interleaved.",
    "verify": "Say which runtime a device computes an int8 file with, bit for bit.",
    "tune": "Find the form of a fused model that is fastest here or on a phone.",
    "report": "Write a page with tables, plots and a card for each model.",
    "page": "Write a folder with a page that runs MODEL, a .tflite file, in any browser.",
    "sample": "Make a small set of pictures in FOLDER, which must be new or empty.",
}


class LazyGroup(click.Group):
    """A group of subcommands that are imported one by one, for a fast start."""

    def list_commands(self, ctx):
        return [name for name in COMMANDS if importlib.util.find_spec(_module(name))]

    def get_command(self, ctx, cmd_name):
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(_module(cmd_name)).command

    def invoke(self, ctx):
        with errors_shown(ctx):  # of importing the module of a command
            return super().invoke(ctx)

    def resolve_command(self, ctx, args):
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            known = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"The commands are {known}. Received: {args[0]!r}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx, formatter):
        rows = [(name, COMMANDS[name]) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def format_epilog(self, ctx, formatter):
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])


def _module(name):
    return f"{__package__}.{name}"


def _show_version(ctx, param, value):
    if value:
        import keraslight

        click.echo(f"keraslight {keraslight.__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings=SETTINGS)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def main():
    """Light image classifiers for phones: convert, check, time and score .tflite files.

    `keraslight COMMAND --help` shows every option of a command and examples.
    """
    quiet()
