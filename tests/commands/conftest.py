"""Runs commands in this process."""

import pytest
from click.testing import CliRunner

from keraslight.commands.main import main
from tests.tflite.conftest import (  # noqa: F401  fixtures
    float_file,
    int8_file,
    model,
    picture_folder,
    plain_file,
)


@pytest.fixture
def keraslight_command():
    """Runs a command line of `keraslight` and returns click's result of it."""

    def run(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run
