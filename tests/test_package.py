"""The package as a whole: what importing it does, what it says of itself."""

import subprocess
import sys

import keraslight


def test_import_brings_no_heavy_packages():
    """Keras is imported with a backend that is not TensorFlow, so that only ours could do it."""
    script = """
import os, sys
os.environ["KERAS_BACKEND"] = "numpy"
import keras
before = set(sys.modules)
import keraslight
heavy = {"tensorflow", "tensorflow_model_optimization", "tf_keras", "matplotlib", "ai_edge_litert"}
heavy.add("training")
assert not heavy & (set(sys.modules) - before), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_public_names_are_documented():
    for name in keraslight.__all__:
        assert getattr(keraslight, name).__doc__, name
