"""The quickstart, whole."""

import subprocess
import sys

import pytest

from keraslight.tflite import flatbuffer
from training.data.digits import load_data


@pytest.mark.slow
def test_quickstart(tmp_path):
    """Float accuracy of 97 % at least, int8 within one point of it and within 20 dB."""
    import keras

    from keraslight.tflite.runner import TFLiteRunner
    from tests.helpers import signal_to_noise, table_cells

    command = [sys.executable, "-m", "training.quickstart", f"--output_dir={tmp_path}"]
    # a fifth of what users wait for
    command += ["--epochs=5"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    table = (tmp_path / "quickstart.md").read_text()
    assert table in printed
    _, *rows = table_cells(table)
    accuracies = {name: float(accuracy.rstrip("%")) for name, accuracy, *_ in rows}
    assert list(accuracies) == ["Keras", "Keras, fused", "TFLite float32", "TFLite int8"]
    assert accuracies["Keras"] >= 97
    assert abs(accuracies["TFLite float32"] - accuracies["Keras"]) < 0.01
    assert abs(accuracies["TFLite int8"] - accuracies["Keras"]) <= 1
    assert (tmp_path / "quickstart.png").read_bytes()[1:4] == b"PNG"
    assert flatbuffer.read((tmp_path / "digits_int8.tflite").read_bytes()).version == 3

    _, images, _, _ = load_data(0)
    fused = keras.saving.load_model(tmp_path / "digits_fused.keras")
    logits = fused.predict(images, verbose=0)
    int8 = TFLiteRunner(tmp_path / "digits_int8.tflite").predict(images)
    assert signal_to_noise(logits, int8) >= 20
