"""The models on the other Keras backends, each in a process of its own."""

import os
import subprocess
import sys

import pytest

FASTEST = ("vgnet_release__vgnetg_1_0mp__thumb32",)
LARGER = ("vgnet_release__vgnetg_1_0mp_se", "vgnet_paper__vgnetf_1_5mp")


@pytest.mark.parametrize("cases", [FASTEST, pytest.param(LARGER, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_golden_cases_and_fuse(backend, cases):
    """Golden cases, a fused model, a training step, a quantized model."""
    pytest.importorskip(backend)
    script = """
import pathlib, sys, tempfile
import keras, numpy as np
from tests.models import golden_cases
from tests.quantization import small_models
from tests.helpers import images, relative_error
import keraslight

with tempfile.TemporaryDirectory() as folder:
    for name in sys.argv[1:]:
        model, case, logits = golden_cases.build(name, pathlib.Path(folder))
        received = golden_cases.logits_of(model, case, "white")
        np.testing.assert_allclose(received, logits["white"], rtol=0, atol=case["tolerance"])

model = small_models.build("vgnetg")
x, y = images(2, *small_models.SHAPE), np.zeros((2, small_models.CLASSES))
fused = keraslight.fuse(model)
assert relative_error(model, fused, x) <= 1e-5
model.compile("sgd", "mse")
model.fit(x, y, verbose=0)
quantized = keraslight.quantize_model(fused)
keraslight.calibrate(quantized, [x], verbose=0)
quantized.compile("sgd", "mse")
quantized.fit(x, y, verbose=0)
heat = keraslight.visualize.grad_cam(model, x[0], class_index=1)
assert heat.shape == small_models.SHAPE[:2] and heat.max() <= 1
assert keras.config.backend() == sys.modules["os"].environ["KERAS_BACKEND"]
"""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling takes longer than running here
    }
    subprocess.run([sys.executable, "-c", script, *cases], env=environment, check=True)
