"""fit() of a quantized model under tf.distribute."""

import os
import pathlib
import subprocess
import sys

SCRIPT = """
import keras
import numpy as np
import tensorflow as tf

import keraslight
from tests.helpers import images
from tests.quantization.small_models import CLASSES, SHAPE, build

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
keras.utils.set_random_seed(0)
with strategy.scope():
    quantized = keraslight.quantize_model(keraslight.fuse(build("repvgg")), ranges="average")
    x = images(16, *SHAPE)
    keraslight.calibrate(quantized, [x], verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    quantized.compile(keras.optimizers.Adam(1e-3), loss)
ranges = [q.range for q in quantized.quantizers]
history = quantized.fit(2 * x, np.arange(16) % CLASSES, batch_size=8, epochs=4, verbose=0)
losses = history.history["loss"]
assert losses[-1] < losses[0], losses
assert [q.range for q in quantized.quantizers] != ranges
for variable in quantized.variables:
    copies = [np.asarray(copy) for copy in variable.value.values]
    assert len(copies) == 2
    np.testing.assert_array_equal(*copies, err_msg=variable.path)
print("trained on two devices")
"""


def test_mirrored_strategy():
    root = pathlib.Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": str(root), "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert "trained on two devices" in result.stdout
