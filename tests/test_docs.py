"""The documentation: it builds, it is complete, and what it names exists."""

import functools
import importlib
import inspect
import os
import pathlib
import re
import subprocess
import sys

import click
import pytest

import keraslight
from docs import command_pages, made_pages, operations, reference, results_pages
from keraslight.commands.main import COMMANDS, main
from keraslight.quantization.ops import OPS
from keraslight.weights.registry import published_for

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND_PAGES = [
    *PAGES,
    *sorted((ROOT / "tflite").rglob("*.md")),
    *sorted((ROOT / "training").rglob("*.md")),
]
# a call of a command up to the end of the code or of the line
CALL = re.compile(
    rf"(?<![\w/-])(keraslight +(?:{'|'.join([*COMMANDS, 'train'])})(?=[ `\n])"
    r"|python -m (?:training|tflite|docs)\.[\w.]+)([^`|&]*)"
)
# what code on these pages takes as given
MODULES = {"keraslight": keraslight, "layers": keraslight.layers, "visualize": keraslight.visualize}


def test_build(tmp_path):
    """No broken link, no docstring that cannot be read, no name that is not there."""
    pytest.importorskip("mkdocs")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr.replace("WARNING: All log messages", "")
    page = (tmp_path / "api" / "layers" / "RepSO" / "index.html").read_text()
    assert "keraslight.layers.RepSO" in page
    assert "Examples:" in page
    assert "TFLiteRunner" in (tmp_path / "api" / "tflite" / "index.html").read_text()
    assert "vgnetg_1_0mp" in (tmp_path / "results" / "models" / "index.html").read_text()


def test_every_public_name_has_a_page_of_its_own():
    modules = [importlib.import_module(name) for name in reference.MODULES]
    public = {
        f"{module.__name__}.{name}"
        for module in modules
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
    }
    pages = [page for group in reference.sections().values() for page in group.values()]
    listed = re.findall(r"heading: (\S+)$", "\n".join(text for _, text in pages), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert public <= set(listed)
    assert {"keraslight.fuse", "keraslight.tflite.TFLiteRunner"} <= public
    # on disks that do not tell a from A, too
    paths = [path.lower() for path, _ in pages]
    assert len(paths) == len(set(paths))


def test_every_model_is_listed_with_its_licence():
    table = results_pages.models_table()
    for name in keraslight.list_models():
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{name}` ")]
        weights = published_for({"name": name})
        assert weights is None or weights.licence in row


def test_every_command_and_option_is_on_the_page_of_the_command_line():
    (_, text), *_ = command_pages.pages().values()
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert {f"keraslight {name}" for name in COMMANDS} <= set(sections)
    for name, command in command_pages.commands().items():
        assert command.help.splitlines()[0].strip() in sections[name]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in sections[name], (name, parameter)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_exist(page):
    text = page.read_text()
    pattern = rf"(?<![\w.])({'|'.join(MODULES)})((?:\.[A-Za-z_]\w*)+)\("
    for module, path in re.findall(pattern, text):
        functools.reduce(getattr, path[1:].split("."), MODULES[module])
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        compile(block, page.name, "exec")


@pytest.mark.parametrize("number", range(3))
def test_every_example_of_blocks_runs_alone(number):
    text = (ROOT / "docs" / "blocks.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    exec(compile(blocks[number], f"blocks.md, example {number}", "exec"), {})


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_have_those_options(page):
    """Each option is one of that very command, and a value that is chosen is one of its choices."""
    for program, arguments in command_lines(page.read_text()):
        check_options(program, arguments)


def test_option_of_another_command_is_refused():
    check_options("keraslight classify", "model.tflite cat.jpg --top=1")
    with pytest.raises(AssertionError, match="data_dir"):
        check_options("keraslight classify", "model.tflite cat.jpg --data_dir=pictures")
    with pytest.raises(AssertionError, match="no such command"):
        check_options("keraslight train", "--help")
    with pytest.raises(AssertionError, match="int4"):
        check_options("keraslight convert", "--quantization=none,int4")


def command_lines(text):
    """Yields the programs that a page calls, and what it passes to each."""
    for line in text.replace("\\\n", " ").splitlines():
        for program, arguments in CALL.findall(line):
            yield re.sub(r" +", " ", program), arguments


def command_of(program):
    if program.startswith("keraslight "):
        context = click.Context(main)
        command = main.get_command(context, program.split()[1])
    else:
        module = importlib.import_module(program.removeprefix("python -m "))
        command = getattr(module, "command", None)
        if command is None:  # a package: the command is that of its __main__
            command = importlib.import_module(f"{module.__name__}.__main__").command
        if inspect.ismodule(command):
            command = command.command
    assert command is not None, f"no such command: {program}"
    return command


def check_options(program, arguments):
    command = command_of(program)
    parameters = {
        name: parameter
        for parameter in command.get_params(click.Context(command))
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    for option, value in re.findall(r"(?<!\S)(--\w[\w-]*)(?:=(\S+))?", arguments):
        assert option in parameters, (program, option)
        kind = parameters[option].type
        choices = getattr(getattr(kind, "kind", kind), "choices", None)
        if choices and value:
            assert set(value.split(",")) <= set(choices), (program, option, value)


def test_the_page_of_your_own_model_lists_every_operation():
    page = (ROOT / "docs" / "your_own_model.md").read_text()
    made = made_pages.on_page_markdown(page)
    assert operations.table() in made
    rows = [line for line in made.splitlines() if line.startswith("| ")]
    assert len(rows) >= len(OPS) + 1
    for name in ("`layers.Conv2D`", "`ops.gelu`", "`ops.concatenate`", "`ops.relu6`"):
        assert name in operations.table()
