import csv

import pytest
from click.testing import CliRunner

from keraslight.record import read_record
from training.studies.refco_cost import __main__ as program
from training.studies.refco_cost.layer import in_own_process, run_one


def test_the_program_measures_both_forms(monkeypatch, tmp_path):
    monkeypatch.setattr(program, "SIZES", ((4, 8, 4),))
    monkeypatch.setattr(program, "in_own_process", lambda task: run_one(**task))
    path = tmp_path / "refco.csv"
    result = CliRunner().invoke(program.command, ["--batch=2", "--steps=1", f"--output={path}"])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(path.open()))
    assert [row["form"] for row in rows] == ["RefCO", "branch by branch"]
    assert all(float(row["ms"]) > 0 and float(row["peak_mb"]) > 10 for row in rows)
    assert read_record(path)["versions"]["keras"]


@pytest.mark.exhaustive
def test_a_form_runs_in_a_process_of_its_own():
    task = {"form": "RefCO", "channels": 4, "filters": 8, "side": 4, "batch": 2, "steps": 1}
    assert in_own_process(task)["peak_mb"] > 10
    with pytest.raises(ValueError, match="failed"):
        in_own_process({**task, "side": -1})
