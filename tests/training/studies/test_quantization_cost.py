import csv

import keras
import pytest
from click.testing import CliRunner

import keraslight
from keraslight.record import read_record
from training.studies.quantization_cost.__main__ import command


def small(name, input_shape=(8, 8, 3), classes=10):
    start = keras.Input(input_shape)
    x = keraslight.layers.RepVGGBlock(4)(start)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, keras.layers.Dense(classes, "softmax")(x), name=name)


def test_the_program_writes_networks_to_train_and_to_quantize_only(monkeypatch, tmp_path):
    monkeypatch.setattr(keraslight, "create_model", small)
    path = tmp_path / "cost.csv"
    arguments = ["--models=one", "--rewritten=two", "--size=32", "--batch=2", "--steps=1"]
    result = CliRunner().invoke(command, [*arguments, "--rounds=3", f"--output={path}"])
    assert result.exit_code == 0, result.output
    one, two = csv.DictReader(path.open())
    assert (one["model"], two["model"]) == ("one", "two")
    assert int(one["parameters"]) == 3 * 3 * 3 * 4 + 4 + 4 * 10 + 10
    assert float(one["ratio"]) == pytest.approx(
        float(one["quantized_ms"]) / float(one["fused_ms"]), rel=1
    )
    assert not two["ratio"]
    assert (one["size"], one["rounds"]) == ("32", "3")
    assert read_record(path)["versions"]["keras"] == keras.__version__
