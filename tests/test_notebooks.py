"""The notebooks: without outputs, and each run as a reader runs it, without a network."""

import os
import pathlib
import shlex
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from tests.exhaustive import exhaustive_but

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))
# what the others call is tested elsewhere
DEFAULT = [path for path in NOTEBOOKS if path.stem[0] in "1267"]
# what must hold at the end; not in the notebooks, because a reader's pictures may differ
CHECKS = {
    "1_quickstart": """
        assert predictions.shape == (1, 1000) and abs(predictions.sum() - 1) < 1e-4
        assert [image.shape[0] // x.shape[1] for x in maps] == [2, 4, 8, 16, 32]
        assert difference < 1e-5
    """,
    "2_your_own_pictures": """
        assert accuracy["Keras"] > 0.8
        assert accuracy[".tflite"] > accuracy["Keras"] - 0.05
        assert abs(accuracy[".tflite"] - accuracy["int8, trained"]) < 0.01
        assert keraslight.tflite.read_metadata(path.read_bytes()).labels == tuple(labels)
        first, second = (next(iter(train))[1].numpy().tolist() for _ in range(2))
        assert first != second
    """,
    "3_reparameterization": """
        assert fused.count_params() < network.count_params()
        assert np.abs(network(images) - fused(images)).max() < 1e-3
        assert not any(isinstance(x, keras.layers.BatchNormalization) for x in fused.layers)
    """,
    "4_design_by_visualization": """
        assert len(census.layers) == len(chance.layers) == 4
        assert all(r.accuracy_after is not None for r in reports)
        assert reports[0].share <= reports[-1].share
        assert CLASSES[predicted] in title
    """,
    "5_benchmark": """
        page = pathlib.Path("report/report.html").read_text()
        assert "float32" in page and "int8" in page
    """,
    "6_detection": """
        assert scores["mAP50"] > 0.5
        assert file.decoded and file.labels == tuple(CLASSES)
    """,
    "7_bring_a_file": """
        assert same == 1
        assert accuracy["all layers"] > accuracy["before"] + 0.4
        assert abs(accuracy[".tflite"] - accuracy["all layers"]) < 0.01
        assert keraslight.tflite.read_metadata(path.read_bytes()).labels[0] == "5"
    """,
}


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_form(path):
    """A badge that opens this very notebook, an installation, parameters, no outputs."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert f"blob/main/colab/{path.name})" in notebook.cells[0].source
    (install,) = tagged(notebook, "install")
    assert (
        '"keraslight[notebooks] @ git+https://github.com/keraslight/keraslight"' in install.source
    )
    assert tagged(notebook, "parameters")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    sources = "\n".join(cell.source for cell in code)
    # the reader's accuracy is the reader's, and what is shown is what is tested
    assert "assert " not in sources
    assert "FAST" not in sources and "environ" not in sources


@pytest.mark.slow
@pytest.mark.parametrize("path", exhaustive_but(DEFAULT, NOTEBOOKS), ids=lambda path: path.stem)
def test_run(path, tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("KERASLIGHT_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("PATH", f"{program_folder(tmp_path)}:{os.environ['PATH']}")
    notebook = nbformat.read(path, as_version=4)
    check = "\n".join(line.strip() for line in CHECKS[path.stem].strip().splitlines())
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": tmp_path}})
    client.execute()


def program_folder(folder):
    """Makes a folder with the command `keraslight` of this checkout."""
    program = folder / "bin" / "keraslight"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m keraslight "$@"\n')
    program.chmod(0o755)
    return program.parent
