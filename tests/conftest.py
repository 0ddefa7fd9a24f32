"""What the tests share."""

import gc
import os

# the workers of pytest-xdist share the processors
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import pytest

from tests.colours import (  # noqa: F401
    add_metadata,
    command,
    float_file,
    int8_file,
    model,
    picture_folder,
    plain_file,
)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def fresh_session():
    yield
    keras.utils.clear_session()
    # that collects garbage: what outlives a test (imports, TensorFlow's functions) need not be
    # looked at after every later one
    gc.freeze()
