"""Runs training.train as where TensorFlow is not installed."""

import sys

sys.modules["tensorflow"] = None

from absl import app  # noqa: E402

from training import train  # noqa: E402

app.run(train.main)
