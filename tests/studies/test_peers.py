import json

import keras
import numpy as np
import pytest

import keraslight
from keraslight.conversion.noise import settle
from keraslight.tflite.model_file import ModelFile
from tests.helpers import norms_in, table_cells
from tflite.studies.peers import command as peers
from tflite.studies.peers.command import run_suite
from tflite.studies.peers.networks import PEERS, Peer
from tflite.studies.peers.table import suite_table


def small(activation):
    inputs = keras.Input((32, 32, 3))
    x = inputs
    for _ in range(3):
        x = keras.layers.Conv2D(8, 3, use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation(activation)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))


SMALL = (
    Peer("First", lambda: small("relu"), 71.8, "its paper"),
    Peer("Second net", lambda: small("softsign"), None, "not published", "tensorflow"),
)


def test_a_suite(tmp_path, fixed_peaks, monkeypatch):
    fixed_peaks(peers, 1e3)
    result = run_suite(tmp_path / "files", (1,), 2, tmp_path / "latency.json", peers=SMALL)
    assert json.loads((tmp_path / "latency.json").read_text())["kind"] == "benchmark"
    entries = {(e["name"], e["kind"]): e for e in result["suite"]}
    assert entries["First", "float"]["threads"][1]["ratio"] == 1.0
    assert entries["First", "int8"]["written_by"] == "keraslight"
    by_tensorflow = entries["Second net", "int8"]["written_by"]
    assert by_tensorflow.startswith("tensorflow: keraslight's quantizer has no form")
    assert ModelFile(tmp_path / "files/second_net_int8.tflite").quantization == "int8"
    # at 1,000 multiply-adds a second, any file is faster than it can be
    assert len([text for text in result["runs"][0]["warnings"] if "beats its bound" in text]) == 4
    text = (tmp_path / "latency.md").read_text()
    _, first, _ = table_cells(text)
    assert first[:2] == ["First", "71.8"] and first[-1] == "its paper"
    assert "* int8 of Second net is by TensorFlow's converter" in text
    # what is there is not built again
    written = (tmp_path / "files/first_float.tflite").stat().st_mtime_ns
    run_suite(tmp_path / "files", (1,), 1, tmp_path / "again.json", only=["First"], peers=SMALL)
    assert (tmp_path / "files/first_float.tflite").stat().st_mtime_ns == written
    assert len(json.loads((tmp_path / "again.json").read_text())["suite"]) == 2


def test_what_has_no_int8_form_is_refused(tmp_path):
    def sorting():
        start = keras.Input((16, 16, 3))
        x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(start))
        return keras.Model(start, keras.ops.sort(x, axis=1))

    with pytest.raises(ValueError, match="has no int8 form"):
        run_suite(tmp_path, peers=[Peer("Net", sorting)])


def test_unknown_networks(tmp_path):
    with pytest.raises(ValueError, match=r"The suite has \['First', 'Second net'\]"):
        run_suite(tmp_path, only=["third"], peers=SMALL)


def test_settled_statistics_keep_values_alive():
    model = keraslight.VGNetG("1.0mp", thumbnail=True, input_shape=(16, 16, 3), classes=4)
    momenta = [norm.momentum for norm in norms_in(model)]
    settle(model)
    assert [norm.momentum for norm in norms_in(model)] == momenta
    assert all(np.asarray(norm.moving_mean).any() for norm in norms_in(model))
    noise = np.random.default_rng(1).normal(0, 1, (4, 16, 16, 3)).astype("float32")
    assert np.asarray(model(noise)).std(axis=0).max() > 1e-3


@pytest.mark.parametrize("name", ["mobileone_s0"])
def test_settled_statistics_do_not_amplify_rounding(name):
    """With the variances of two pictures alone fuse refuses it, rightly."""
    keras.utils.set_random_seed(1)
    keraslight.fuse(settle(keraslight.create_model(name, input_shape=(64, 64, 3))))


def test_the_networks_of_the_suite():
    names = [peer.name for peer in PEERS]
    assert len(set(names)) == len(names) and names[0] == "MobileNetV2 1.0"
    families = {"VGNetG", "RepVGG", "IGCV3", "FalconNet", "MobileOne", "MobileNetV4", "LCNetV2"}
    families |= {"RepGhostNet", "RepViT"}
    assert families <= {name.split("-")[0].split(" ")[0] for name in names}


def test_pairs_of_equal_accuracy_are_told():
    def entry(name, kind, ms):
        figures = {"median_ms": ms, "p90_ms": ms, "ratio": 1.0, "over_bound": 1.0}
        return {
            "name": name,
            "kind": kind,
            "top1": 70.0,
            "source": "s",
            "written_by": "keraslight",
            "macs": 1e6,
            "size_bytes": 1e6,
            "threads": {1: figures},
        }

    suite = [
        entry(name, kind, ms)
        for name, ms in (("MobileNetV2 0.75", 4.0), ("VGNetG-1.0MP", 3.0))
        for kind in ("float", "int8")
    ]
    device = {"name": "x", "runtime": "y"}
    macs = {"pointwise": 1e9}
    peaks = {"macs": {"float": macs, "int8": macs}, "bytes": 1e9}
    text = suite_table({"suite": suite, "runs": [{"device": device}], "peaks": peaks})
    assert "VGNetG-1.0MP over MobileNetV2 0.75, of about equal accuracy: 0.75 float" in text
