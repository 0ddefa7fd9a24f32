"""The notebooks: without outputs, and each run whole."""

import pathlib
import re

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_form(path):
    """A badge that opens this very notebook, a pinned installation, parameters, no outputs."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert f"blob/main/colab/{path.name})" in notebook.cells[0].source
    (install,) = tagged(notebook, "install")
    version = re.search(r'version = "([\d.]+\d)', (ROOT / "pyproject.toml").read_text())[1]
    assert f"@v{version}" in install.source
    (parameters,) = tagged(notebook, "parameters")
    assert 'FAST = bool(os.environ.get("CI"))' in parameters.source
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert "assert " in code[-1].source


@pytest.mark.slow
def test_run(path, tmp_path, monkeypatch):
    monkeypatch.setenv("CI", "1")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": tmp_path}})
    client.execute()
    nbformat.write(notebook, tmp_path / path.name)
