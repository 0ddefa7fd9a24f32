"""Times .tflite files: `keraslight benchmark`, from a checkout, which adds `--suite`.

    python -m tflite.benchmark --suite=peers --rounds=5

runs a study of `tflite/studies`; `python -m tflite.benchmark --suite=peers --help` shows its
options. An option that a study does not take is refused.
"""

import copy
import importlib
import sys

import click

from keraslight.commands.benchmark import command as benchmark
from keraslight.commands.program import quiet

SUITES = ("peers", "forms")

suite = click.Option(
    ["--suite"],
    type=click.Choice(SUITES),
    expose_value=False,
    help="Build and time networks instead: peers, popular ones beside those of keraslight; forms, "
    "those of keraslight as built and fused. `--suite=peers --help` shows its options.",
)
command = copy.copy(benchmark)
command.params = [suite, *benchmark.params]
command.examples = (*benchmark.examples, "python -m tflite.benchmark --suite=peers --rounds=5")


def main(arguments: list[str]) -> None:
    """Runs the benchmark or the study that the arguments name, and ends the process."""
    quiet()
    name, others = _suite(arguments)
    if name not in SUITES:
        command.main(arguments, prog_name="python -m tflite.benchmark")
    study = importlib.import_module(f"tflite.studies.{name}.command").command
    study.main(others, prog_name=f"python -m tflite.benchmark --suite={name}")


def _suite(arguments):
    """Returns the value of --suite, and the arguments without it."""
    for index, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option == "--suite":
            after = index + 1 if equals else index + 2
            value = value if equals else "".join(arguments[index + 1 : after])
            return value, arguments[:index] + arguments[after:]
    return None, arguments


if __name__ == "__main__":
    main(sys.argv[1:])
