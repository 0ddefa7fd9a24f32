"""What the command-line programs share: how they fail, and how their help looks.

A program is a click command of the class `Command`:

    @click.command("info", cls=Command, examples=["keraslight info model.tflite"])
    @click.argument("file")
    def command(file):
        \"\"\"Shows what is in a file.\"\"\"

Its function may return an exit code. A `Failure`, `ImportError`, `OSError` or `ValueError` that it
raises is shown as one message; `--debug` shows the traceback too.
"""

import contextlib
import errno
import importlib
import os
import sys

import click

from keraslight.failures import INTERRUPTED, WRONG, Failure
from keraslight.text import printable_lines

__all__ = ["Command", "Failure", "load_keras", "note", "run", "show"]

DEBUG = f"{__name__}.debug"  # where the context remembers --debug
SETTINGS = {"show_default": True, "max_content_width": 100, "help_option_names": ["-h", "--help"]}


class Ended(click.ClickException):
    """What click shows of an error, and the exit code of the process."""

    def __init__(self, message, exit_code):
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file=None):
        # names of files and texts of phones may hold what a terminal would obey
        message = printable_lines(self.format_message())
        click.echo(f"error: {message}", file=file, err=file is None)


@contextlib.contextmanager
def errors_shown(ctx: click.Context):
    """Turns the errors of a user's mistakes into a message and an exit code, but for `--debug`."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Ended("interrupted", INTERRUPTED) from error
    except Failure as error:
        if ctx.meta.get(DEBUG):
            raise
        raise Ended(str(error), error.exit_code) from error
    except (ImportError, OSError, ValueError) as error:
        if ctx.meta.get(DEBUG) or getattr(error, "errno", None) == errno.EPIPE:
            raise
        raise Ended(str(error), WRONG) from error


class Command(click.Command):
    """A click command with examples in its help, `--debug`, and errors without tracebacks.

    Args:
        examples: command lines, shown at the end of the help.
    """

    def __init__(self, *args, examples=(), context_settings=None, **kwargs):
        super().__init__(*args, context_settings={**SETTINGS, **(context_settings or {})}, **kwargs)
        self.examples = tuple(examples)
        self.params.append(
            click.Option(
                ["--debug"],
                is_flag=True,
                expose_value=False,
                callback=_remember_debug,
                help="Show where an error arose.",
            )
        )

    def invoke(self, ctx):
        with errors_shown(ctx):
            result = super().invoke(ctx)
        if isinstance(result, int):
            ctx.exit(result)
        return result

    def format_epilog(self, ctx, formatter):
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    # a line for each, not wrapped, so that it can be copied
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def _remember_debug(ctx, param, value):
    ctx.meta[DEBUG] = value


def run(command: click.Command) -> None:
    """Runs a command of its own, as `python -m tflite.convert` does, and ends the process."""
    quiet()
    command.main()  # click finds the name of the program itself


def quiet() -> None:
    """Silences what TensorFlow says of the machine when it starts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def load_keras() -> None:
    """Imports Keras and keraslight without the lines that TensorFlow's libraries print then."""
    quiet()
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        importlib.import_module("keraslight.api")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def note(message: str) -> None:
    """Tells the user something beside the results."""
    click.echo(printable_lines(message), err=True)


def show(message: str) -> None:
    """Prints a result."""
    click.echo(printable_lines(message))
