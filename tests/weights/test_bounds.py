"""Small files cost little to read, whatever they ask for."""

import time
import tracemalloc

import keras
import numpy as np
import pytest

from keraslight.bounds import Budget, from_raw
from keraslight.weights.load import load_keras_file
from keraslight.weights.readers import read_tensors
from tests.weights import greedy_files
from tests.weights.greedy_files import GREEDY, MEMORY

SECONDS = 10


@pytest.fixture(autouse=True)
def fresh_session():
    """Hardly a model is built here."""


@pytest.mark.parametrize("case", GREEDY)
def test_a_greedy_file_is_refused_before_it_is_paid_for(case, tmp_path):
    suffix, make = GREEDY[case]
    path = tmp_path / f"file{suffix}"
    path.write_bytes(make())
    start = time.monotonic()
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"cannot be read as {suffix}"):
        read_tensors(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY
    assert time.monotonic() - start < SECONDS


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))


def test_a_keras_file_that_claims_more_than_it_holds(model, tmp_path):
    path = tmp_path / "file.weights.h5"
    path.write_bytes(greedy_files.keras_file_of_fill_values())
    assert path.stat().st_size < 10_000
    with pytest.raises(ValueError, match="claims to hold 2080"):
        load_keras_file(model, path, skip_classifier=False)


@pytest.mark.parametrize("link", ["external", "soft", "stored elsewhere", "virtual"])
def test_a_keras_file_that_refers_to_other_files(link, model, tmp_path):
    model.save_weights(tmp_path / "other.weights.h5")
    path = tmp_path / "file.weights.h5"
    greedy_files.keras_file_with_link(path, link, tmp_path / "other.weights.h5")
    with pytest.raises(ValueError, match="kernel refers to another place"):
        load_keras_file(model, path, skip_classifier=False)


def test_the_budget_grows_with_the_file_and_not_with_what_it_claims():
    with pytest.raises(ValueError, match="The file of 1000 bytes needs more steps"):
        Budget(1000).spend(operations=10**6)
    with pytest.raises(ValueError, match="The file of 1000 bytes claims to hold"):
        Budget(1000).spend(bytes=10**9)
    large = Budget(10**9)
    large.spend(operations=10**6, bytes=10**9)
    with pytest.raises(ValueError, match="claims to hold"):
        for _ in range(10):
            large.spend(bytes=10**9)


def test_converted_values_are_paid_for():
    budget = Budget(0)
    before = budget.bytes
    assert from_raw(np.zeros(4, "<u2").tobytes(), "bfloat16", budget).dtype == np.float32
    assert budget.bytes == before - 16
