"""to_tfmot()."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.quantization.small_models import BLOCKS

ROOT = pathlib.Path(__file__).parents[2]
SOME = "vgnetg repvgg"
ALL = " ".join(BLOCKS)
WITHOUT_TFMOT = importlib.util.find_spec("tensorflow_model_optimization") is None


def small_model():
    start = keras.Input((8, 8, 3))
    return keras.Model(start, keras.layers.Conv2D(4, 3)(start))


@pytest.mark.skipif(WITHOUT_TFMOT, reason="needs pip install keraslight[tfmot]")
@pytest.mark.parametrize("families", exhaustive_but([SOME], [SOME, ALL]))
def test_every_family_there_and_back(families, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "tests.quantization.tfmot_families", tmp_path, *families.split()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-5000:]
    for family in families.split():
        assert f"carried {family}" in result.stdout


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_model_optimization", None)
    monkeypatch.delitem(sys.modules, "keraslight.quantization.tfmot_model", raising=False)
    with pytest.raises(ImportError, match=r"pip install keraslight\[tfmot\]"):
        keraslight.to_tfmot(keraslight.quantize_model(small_model()))


def test_learned_ranges_are_refused():
    quantized = keraslight.quantize_model(small_model(), ranges="learned")
    with pytest.raises(ValueError, match="cannot learn ranges"):
        keraslight.to_tfmot(quantized)


def test_a_float_model_is_refused():
    with pytest.raises(ValueError, match=r"made by keraslight\.quantize_model"):
        keraslight.to_tfmot(small_model())


def test_float_layers_are_refused():
    start = keras.Input((8, 8, 3))
    model = keras.Model(start, keras.layers.Activation("softplus", name="odd_one")(start))
    with pytest.raises(ValueError, match="odd_one"):
        keraslight.to_tfmot(keraslight.quantize_model(model, keep_float=["odd_one"]))
