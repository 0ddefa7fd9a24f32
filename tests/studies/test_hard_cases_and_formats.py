"""The programs that quantize networks in several ways and write them in several formats."""

import csv

import pytest
from click.testing import CliRunner

from keraslight.record import read_record
from keraslight.tflite.formats import FORMATS
from tflite.studies.formats.command import command as formats
from tflite.studies.hard_cases.command import WAYS
from tflite.studies.hard_cases.command import command as hard_cases


def rows(command, path, *arguments):
    result = CliRunner().invoke(command, [*arguments, "--epochs=5", f"--output={path}"])
    assert result.exit_code == 0, result.output
    assert read_record(path)["seeds"] == 0
    return list(csv.DictReader(path.open()))


def test_a_hard_case_is_brought_back(tmp_path):
    found = rows(hard_cases, tmp_path / "cases.csv", "--cases=convolutions")
    by_way = {row["way"]: float(row["db"]) for row in found}
    assert list(by_way) == list(WAYS)
    assert by_way["plain"] < 5 < 25 < min(by_way["equalized"], by_way["both"])


@pytest.mark.exhaustive
def test_every_format_has_a_row(tmp_path):
    found = rows(formats, tmp_path / "formats.csv", "--no-timed")
    assert [row["format"] for row in found] == [*FORMATS] * 2
    by_format = {row["format"]: float(row["db"]) for row in found}
    assert by_format["none"] > by_format["float16"] > by_format["int8_weights"]
    assert by_format["int8_weights"] > by_format["int4_weights"]
