import keras
import numpy as np
import pytest

import keraslight
from keraslight.export.softmax import ends_in_logits, with_softmax

L = keras.layers


def network(*layers):
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([L.GlobalAveragePooling2D(), L.Dense(4)], True),
        ([L.Conv2D(4, 8), L.Flatten()], True),
        ([L.GlobalAveragePooling2D(), L.Dense(4, activation="softmax")], False),
        ([L.GlobalAveragePooling2D(), L.Dense(4), L.Softmax()], False),
        ([L.GlobalAveragePooling2D(), L.Dense(1)], False),
        ([L.Conv2D(4, 3)], False),
        ([L.Conv2D(4, 3), L.GlobalAveragePooling2D()], False),
    ],
)
def test_logits_are_told_from_other_outputs(layers, expected):
    assert ends_in_logits(network(*layers)) == expected


@pytest.mark.parametrize("keep_float", [(), ("logits",)])
def test_a_quantized_model_stays_one(keep_float, tmp_path):
    model = network(L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D())
    model.add(L.Dense(4, name="logits"))
    images = np.random.default_rng(0).normal(0, 1, (8, 8, 8, 3)).astype("float32")
    quantized = keraslight.quantize_model(model, keep_float=keep_float)
    keraslight.calibrate(quantized, [images], verbose=0)
    assert ends_in_logits(quantized)
    found = with_softmax(quantized)
    assert isinstance(found, keraslight.quantization.QuantizedModel) and not ends_in_logits(found)
    expected = keras.ops.softmax(quantized.predict(images, verbose=0))
    np.testing.assert_allclose(found.predict(images, verbose=0), expected, atol=1 / 256)
    keraslight.export_tflite(found, tmp_path / "file.tflite")  # which compares the two
