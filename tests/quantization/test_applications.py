"""Models of keras.applications: fused, quantized, calibrated, trained, exported, run."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite.runner import TFLiteRunner
from tests.exhaustive import exhaustive_but
from tests.export.files import tensor_types
from tests.helpers import images, outputs, randomize_norms

SIZE = 32
MODELS = {
    "MobileNet": {"alpha": 0.25},
    "MobileNetV2": {"alpha": 0.35},
    "MobileNetV3Small": {},
}


@pytest.mark.parametrize("name", exhaustive_but(["MobileNet"], MODELS))
def test_the_whole_way(name, tmp_path):
    model = getattr(keras.applications, name)(
        input_shape=(SIZE, SIZE, 3),
        classes=4,
        weights=None,
        classifier_activation=None,
        **MODELS[name],
    )
    x = images(8, SIZE, SIZE, 3)
    quantized = keraslight.quantize_model(keraslight.fuse(randomize_norms(model)))
    keraslight.calibrate(quantized, [x], method="minmax", bias_correction=False, verbose=0)
    before = [np.asarray(weight).copy() for weight in quantized.trainable_weights]
    quantized.compile(
        keras.optimizers.Adam(1e-4, epsilon=1e-20),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,  # for one step a graph costs ten times as much
    )
    quantized.fit(x, np.arange(8) % 4, verbose=0)
    changed = [
        (np.asarray(weight) != old).any()
        for weight, old in zip(quantized.trainable_weights, before, strict=True)
    ]
    assert np.mean(changed) > 0.9  # some layers may be dead on so little data
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite", "int8")
    assert tensor_types(path) <= {"INT8", "INT32"}
    exact = outputs(keraslight.exact_model(quantized), x)[0]
    np.testing.assert_array_equal(exact, TFLiteRunner(path).predict(x))
