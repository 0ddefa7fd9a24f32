"""The factor of a requantization is that of the runtime also where TensorFlow optimizes a graph."""

import keras
import numpy as np
import pytest

from keraslight.quantization.runtimes.xnnpack import _ratio


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="optimizes graphs of TensorFlow"
)
def test_graph_optimizers_do_not_reorder_the_scales():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    first, new = np.float32(0.0123), np.float32(0.0456)
    kernel = tf.Variable(rng.uniform(1e-3, 1e-2, 1000).astype("float32"))
    found = tf.function(lambda: _ratio((first, kernel + 0.0), new))()
    np.testing.assert_array_equal(found, first * kernel.numpy() / new)
