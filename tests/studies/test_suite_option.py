"""`python -m tflite.benchmark --suite=...`, which runs a study."""

import pathlib

import pytest

from tflite import benchmark
from tflite.studies.shared.files import result_path, write_table


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--suite=peers", "--android"], 2, "No such option '--android'"),
        (["--suite", "forms", "--profile"], 2, "No such option '--profile'"),
        (["--suite=forms", "--only=IGCV3-D"], 2, "No such option '--only'"),
        (["--suite=others"], 2, "'others' is not one of 'peers', 'forms'"),
        (["--suite=peers", "--only=Nothing"], 1, "The suite has ['MobileNetV2 1.0'"),
        (["--suite=peers", "--help"], 0, "--suite_dir"),
        (["--help"], 0, "--suite [peers|forms]"),
        ([], 2, "Missing option '--tflite'"),
    ],
)
def test_a_suite_takes_its_own_options_alone(capsys, arguments, code, message):
    with pytest.raises(SystemExit) as ended:
        benchmark.main(arguments)
    assert ended.value.code == code
    output = capsys.readouterr()
    assert message in " ".join((output.out + output.err).replace("\n", " ").split())


def test_a_file_without_a_suite_is_timed(capsys, float_file, monkeypatch):
    monkeypatch.setattr("keraslight.benchmark.desktop._in_fresh_process", lambda *a: {})
    with pytest.raises(SystemExit) as ended:
        benchmark.main([f"--tflite={float_file}", "--rounds=1", "--runs=1"])
    assert ended.value.code == 0
    assert "| colours_float" in capsys.readouterr().out


def test_a_result_stays_beside_the_files_unless_named():
    folder = pathlib.Path("runs/suite")
    found = result_path(None, folder, "forms", "AMD EPYC", "avx2")
    assert found == folder / "forms_amd_epyc_avx2.json"
    assert result_path(None, folder, "forms", "M1", None) == folder / "forms_m1.json"
    asked = result_path("results/x.json", folder, "forms", "y", None)
    assert asked == pathlib.Path("results/x.json")


def test_a_page_whose_tables_are_made_stays(tmp_path):
    page = tmp_path / "latency.md"
    write_table(tmp_path / "latency.json", "a table")
    assert page.read_text() == "a table"
    page.write_text("Text.\n\n<!-- table latency -->\n")
    write_table(tmp_path / "latency.json", "another")
    assert page.read_text() == "Text.\n\n<!-- table latency -->\n"
