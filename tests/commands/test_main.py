"""What all subcommands share: their help, their exit codes, how fast they start."""

import importlib
import pathlib
import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import keraslight
from keraslight.commands import options
from keraslight.commands.main import COMMANDS
from keraslight.commands.program import Command
from keraslight.failures import EXIT_CODES, Failure

FOLDER = pathlib.Path(keraslight.__file__).parent / "commands"


def subcommand(name):
    return importlib.import_module(f"keraslight.commands.{name}").command


def test_every_command_is_in_the_table():
    texts = {path.stem: path.read_text() for path in FOLDER.glob("*.py")}
    assert set(COMMANDS) == {name for name, text in texts.items() if "\ndef command(" in text}


def test_the_help_lists_the_commands_and_the_exit_codes(command):
    for arguments in (["--help"], ["-h"]):
        done = command(*arguments)
        assert done.exit_code == 0
        for name in COMMANDS:
            assert f"\n  {name} " in done.stdout
        for code in EXIT_CODES:
            assert f"\n  {code} " in done.stdout


def test_the_version(command):
    assert command("--version").stdout == f"keraslight {keraslight.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_every_option_and_examples(command, name):
    done = command(name, "--help")
    assert done.exit_code == 0
    found = subcommand(name)
    assert isinstance(found, Command)
    for parameter in found.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter
            assert all(option in done.stdout for option in parameter.opts)
    assert found.examples
    for example in found.examples:
        assert f"\n  {example}" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_what_its_help_begins_with(name):
    short = subcommand(name).get_short_help_str(limit=200)
    assert COMMANDS[name].rstrip(".") == short.rstrip(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_use_the_options_there_are(name):
    found = subcommand(name)
    known = {option for parameter in found.params for option in parameter.opts}
    for example in found.examples:
        program, command_name, *arguments = shlex.split(example)
        assert (program, command_name) == ("keraslight", name)
        used = {argument.split("=")[0] for argument in arguments if argument.startswith("-")}
        assert used <= known
        required = {p.opts[0] for p in found.params if p.required and p.param_type_name == "option"}
        assert required <= used


def test_the_help_imports_neither_keras_nor_tensorflow():
    script = (
        "import sys; from keraslight.commands.main import COMMANDS, main\n"
        "for name in ('', *COMMANDS):\n"
        "    try: main([*name.split(), '--help'])\n"
        "    except SystemExit as end: assert not end.code\n"
        "assert not {'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.parametrize("arguments", [("train",), ("--fast",), (), ("convert", "--fast")])
def test_a_line_that_cannot_be_read(command, arguments):
    done = command(*arguments)
    assert done.exit_code == 2
    assert "Usage: keraslight" in done.output


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (Failure("no phone", 3), 3, "error: no phone\n"),
        (ValueError("wrong. Received: 1"), 1, "error: wrong. Received: 1\n"),
        (
            FileNotFoundError(2, "No such file", "x.txt"),
            1,
            "error: [Errno 2] No such file: 'x.txt'\n",
        ),
        (ImportError("pip install it"), 1, "error: pip install it\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
    ],
)
def test_errors_end_with_a_message_and_a_code(error, exit_code, message):
    @click.command(cls=Command)
    def program():
        raise error

    done = CliRunner().invoke(program, [])
    assert (done.exit_code, done.stderr) == (exit_code, message)
    if not isinstance(error, KeyboardInterrupt):
        assert CliRunner().invoke(program, ["--debug"]).exception is error


@pytest.mark.parametrize(
    ("error", "exit_code"), [(KeyboardInterrupt(), 130), (ImportError("pip install it"), 1)]
)
def test_errors_while_a_command_is_imported(command, monkeypatch, error, exit_code):
    def fail(name):
        raise error

    monkeypatch.setattr("keraslight.commands.main.importlib.import_module", fail)
    assert command("info", "x.tflite").exit_code == exit_code


def test_debug_shows_the_traceback(command):
    with pytest.raises(ValueError, match="There is no such file"):
        command("info", "missing.tflite", "--debug")


def test_a_fault_of_ours_keeps_its_traceback():
    @click.command(cls=Command)
    def program():
        raise KeyError("fault")

    assert isinstance(CliRunner().invoke(program, []).exception, KeyError)


def test_a_command_may_return_its_exit_code():
    @click.command(cls=Command)
    def program():
        return 4

    assert CliRunner().invoke(program, []).exit_code == 4


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (options.Size(), "224", (224, 224)),
        (options.Size(), "224x160", (224, 160)),
        (options.Resize(), "256", 256),
        (options.Resize(), "224x224", (224, 224)),
        (options.Crop(), "224", 224),
        (options.Crop(), "0.875", 0.875),
        (options.Crop(), "1.0", 1.0),
        (options.Number(), "-1.5", -1.5),
        (options.CommaList(options.COUNT), "1,2, 4", (1, 2, 4)),
        (options.CommaList(options.Number(), lengths=(1, 3)), "1,2,3", (1.0, 2.0, 3.0)),
        (options.CommaList(), "a", ("a",)),
    ],
)
def test_values_are_read(kind, text, value):
    found = kind.convert(text, None, None)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (options.Size(), "0"),
        (options.Size(), "1x2x3"),
        (options.Size(), "-4"),
        (options.Size(), "²"),
        (options.Resize(), "256x"),
        (options.Crop(), "0"),
        (options.Crop(), "1.5"),
        (options.Crop(), "nan"),
        (options.Number(), "inf"),
        (options.Number(positive=True), "0"),
        (options.CommaList(options.Number(), lengths=(1, 3)), "1,2"),
        (options.CommaList(options.COUNT), "0"),
        (options.CommaList(), ","),
    ],
)
def test_values_that_cannot_be(kind, text):
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)


def test_the_options_of_preprocessing_are_one_argument():
    @click.command(cls=Command)
    @options.preprocessing
    def program(preprocessing):
        click.echo(preprocessing)

    done = CliRunner().invoke(program, ["--mean=1,2,3", "--std=2", "--crop=0.5"])
    assert done.stdout == "{'crop': 0.5, 'mean': (1.0, 2.0, 3.0), 'std': (2.0,)}\n"
