"""The documentation: it builds, it is complete, and what it names exists."""

import functools
import os
import pathlib
import re
import subprocess
import sys

import pytest

import keraslight
from docs import reference, results_pages
from keraslight.weights.registry import published_for

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAM = re.compile(r"python -m ((?:training|tflite)(?:\.\w+)+)((?:[^\n`]|\\\n)*)")
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
        timeout=180,
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
    modules = (keraslight, keraslight.kernels, keraslight.layers, keraslight.visualize)
    public = {f"{m.__name__}.{name}" for m in modules for name in m.__all__}
    pages = [page for group in reference.sections().values() for page in group.values()]
    listed = re.findall(r"heading: (\S+)$", "\n".join(text for _, text in pages), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert public - set(listed) == {f"keraslight.{m}" for m in ("kernels", "layers", "visualize")}
    assert set(listed) >= {
        "keraslight.tflite.runner.TFLiteRunner",
        "keraslight.pictures.preprocessing.Preprocessing",
        "keraslight.benchmark.timing.time_files",
    }
    # on disks that do not tell a from A, too
    paths = [path.lower() for path, _ in pages]
    assert len(paths) == len(set(paths))


def test_every_model_is_listed_with_its_licence():
    table = results_pages.models_table()
    for name in keraslight.list_models():
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{name}` ")]
        weights = published_for({"name": name})
        assert weights is None or weights.licence in row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_exist(page):
    text = page.read_text()
    pattern = rf"(?<![\w.])({'|'.join(MODULES)})((?:\.[A-Za-z_]\w*)+)\("
    for module, path in re.findall(pattern, text):
        functools.reduce(getattr, path[1:].split("."), MODULES[module])
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        compile(block, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_have_those_flags(page):
    for program, arguments in PROGRAM.findall(page.read_text()):
        path = ROOT / program.replace(".", "/")
        assert path.with_suffix(".py").is_file(), program
        source = "".join(file.read_text() for file in path.parent.glob("*.py"))
        defined = set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', source))
        assert set(re.findall(r"--(\w+)", arguments)) <= defined, (program, arguments)
