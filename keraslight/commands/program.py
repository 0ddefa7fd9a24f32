"""What the command-line programs share."""

import sys
from collections.abc import Callable

from absl import app, flags, logging


class Failure(Exception):
    """An error a program ends with: its message is shown, without a traceback.

    Args:
        message: str, what went wrong and what to do.
        exit_code: int, of the process.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


def run(main: Callable[..., int | None], takes_files: bool = False) -> None:
    """Parses the flags, calls `main` and exits with its result.

    Wrong input, which shows as an `ImportError`, `OSError` or `ValueError`, ends the program with
    its message and the exit code 1; --verbosity=1 shows where it arose.

    Args:
        main: the program.
        takes_files: bool, whether it takes the arguments that are no flags.
    """

    def call(argv):
        files = argv[1:]
        if files and not takes_files:
            raise app.UsageError(f"Unknown arguments. Received: {files}")
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # TensorFlow's converter tells much
        try:
            return main(files) if takes_files else main()
        except Failure as failure:
            return _show(failure, failure.exit_code)
        except (ImportError, OSError, ValueError) as error:
            if logging.level_debug():
                raise
            return _show(error, 1)

    app.run(call)


def _show(error, exit_code):
    print(f"error: {error}", file=sys.stderr)
    return exit_code


def command() -> str:
    """Returns the command line of this process."""
    module = sys.modules["__main__"].__spec__
    return " ".join(["python -m", module.name if module else sys.argv[0], *sys.argv[1:]])


def note(message: str) -> None:
    """Tells the user something beside the results."""
    print(message, file=sys.stderr, flush=True)
