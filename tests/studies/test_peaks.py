"""The least time a file needs."""

import keras
import pytest

from keraslight.tflite.model_file import ModelFile
from tflite.studies.shared import peaks
from tflite.studies.shared.peaks import Peaks, bound_warnings, highest, kind_of, measure_peaks

MACS = {"pointwise": 1e6, "spatial": 2e6, "depthwise": 1e5, "dense": 1e3}


def test_a_bound_is_the_greater_of_compute_and_traffic(float_file):
    model = ModelFile(float_file)
    kinds = [(kind_of(op), op.macs) for op in model.operators if op.macs]
    # a 3x3 convolution of 3 to 3 channels at 16x16 pixels, a dense layer of 3 to 3
    assert kinds == [("spatial", 16 * 16 * 9 * 9), ("dense", 9)]
    compute_ms = 1e3 * (16 * 16 * 81 / 2e6 + 9 / 1e3)
    assert Peaks({"float": MACS}, 1e12).bound_ms(model, "float") == pytest.approx(compute_ms)
    assert Peaks({"float": MACS}, 1e3).bound_ms(model, "float") == pytest.approx(model.traffic)


def test_the_kinds_of_kernels(tmp_path):
    start = x = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 1)(x)
    x = keras.layers.DepthwiseConv2D(3)(x)
    x = keras.layers.Conv2D(8, 3, groups=2)(x)
    import keraslight

    path = keraslight.export_tflite(keras.Model(start, x), tmp_path / "x.tflite")
    kinds = [kind_of(op) for op in ModelFile(path).operators if op.macs]
    assert kinds == ["pointwise", "depthwise", "spatial"]


def test_peaks_are_the_best_over_shapes(tmp_path, monkeypatch):
    layers = keras.layers
    small = {
        "pointwise": tuple(
            peaks._chain((4, 4, 8), *[(layers.Conv2D, (8, 1))] * count) for count in (1, 2)
        ),
        "dense": (peaks._chain((8, 8, 4), (layers.Conv2D, (4, 3))),),
    }
    seconds = iter([4.0, 2.0, 1.0, 8.0, 1.0, 1.0])

    class Session:
        def __init__(self, path):
            pass

        def latencies(self, runs):
            return FakeTimes(next(seconds))

    class FakeTimes(float):
        def min(self):
            return self

    monkeypatch.setattr(peaks, "SHAPES", small)
    monkeypatch.setattr(peaks, "LiteRTSession", Session)
    found = measure_peaks(tmp_path, repeats=2)
    # float 4 s and int8 2 s for one convolution, then 1 s and 8 s for two
    one = 4 * 4 * 8 * 8
    assert found.macs["float"]["pointwise"] == 2 * one / 1.0
    assert found.macs["int8"]["pointwise"] == one / 2.0
    assert found.bytes > 0
    slower = Peaks({k: dict.fromkeys(v, 1.0) for k, v in found.macs.items()}, 2 * found.bytes)
    assert highest(found, slower) == Peaks(found.macs, 2 * found.bytes)


def test_a_file_that_beats_its_bound_is_told():
    (warning,) = bound_warnings({"fast": (0.5, 1.0), "slow": (1.5, 1.0)})
    assert warning.startswith("fast beats its bound: 0.500 ms, 0.50 of it")
