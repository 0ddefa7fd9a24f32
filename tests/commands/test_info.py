import json

import keras
import pytest

import keraslight


def test_tflite_files(command, float_file, int8_file, tmp_path):
    done = command("info", float_file, int8_file, "--json=info.json")
    assert done.exit_code == 0, done.stderr
    assert float_file.name in done.stdout and int8_file.name in done.stdout
    found = json.loads((tmp_path / "info.json").read_text())["files"]
    assert [info["quantization"] for info in found] == ["float32", "int8"]


def test_keras_models(command, model, tmp_path):
    layers = [keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    keras.Sequential(layers).save(tmp_path / "unfused.keras")
    model.save(tmp_path / "plain.keras")
    keraslight.quantize_model(model).save(tmp_path / "quantized.keras")
    done = command("info", "unfused.keras", "plain.keras", "quantized.keras", "--json=info.json")
    assert done.exit_code == 0, done.stderr
    unfused, plain, quantized = json.loads((tmp_path / "info.json").read_text())["files"]
    assert [info["form"] for info in (unfused, plain, quantized)] == [
        "to fuse",
        "fused",
        "quantized",
    ]
    assert unfused["fused"]["parameters"] < unfused["parameters"]
    assert plain["macs"] == keraslight.count_macs(model) and plain["logits"]
    assert "; after keraslight.fuse: " in done.stdout and "(None, 3): logits" in done.stdout


def test_a_network_by_its_name_has_a_licence(command, monkeypatch):
    monkeypatch.setattr("keraslight.conversion.inspection._fused", lambda model: None)  # seconds
    done = command("info", "repvgg_a0")
    assert done.exit_code == 0 and "MIT" in done.stdout


def test_a_place_for_the_result_is_needed_before_the_work(command, float_file, tmp_path):
    (tmp_path / "file").write_text("")
    done = command("info", float_file, "--json=file/out.json")
    assert done.exit_code == 1 and "No result can be written to" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.tflite", "There is no such file"),
        ("text.tflite", "Not a .tflite file"),
        ("text.keras", "cannot be loaded"),
        ("vgnet_9mp", "must be a .keras file"),
        ("repvgg_a00", "lists them, such as ['repvgg_a0'"),
    ],
)
def test_what_is_no_model(command, tmp_path, name, message):
    if name.startswith("text"):
        (tmp_path / name).write_text("this is no model")
    done = command("info", name)
    assert done.exit_code == 1 and message in done.stderr
