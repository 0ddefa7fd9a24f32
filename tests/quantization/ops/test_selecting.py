"""Operations in int8 that select or move values."""

import keras
import pytest

import keraslight
from tests.quantization.ops.checks import assert_exact, model_of

L = keras.layers
PADDING = [[0, 0], [1, 2], [0, 1], [0, 0]]


def split(x):
    first, second = keras.ops.split(x, 2, axis=-1)
    return L.Add()([L.Conv2D(4, 1)(first), second])


CASES = (
    split,
    lambda x: keras.ops.pad(x, PADDING),
    lambda x: keras.ops.pad(x, PADDING, constant_values=0.0),
    lambda x: keras.ops.swapaxes(x, 1, 3),
    lambda x: L.Flatten()(inputs=x),
)
REFUSED = {
    "constant_values=1.0": lambda x: keras.ops.pad(x, PADDING, constant_values=1.0),
    "mode='reflect'": lambda x: keras.ops.pad(x, PADDING, mode="reflect"),
    "interpolation='bilinear'": lambda x: L.UpSampling2D(2, interpolation="bilinear")(x),
}


def test_integers_are_those_of_the_file(tmp_path):
    assert_exact(model_of(*CASES), tmp_path / "model.tflite")


@pytest.mark.parametrize("message", REFUSED)
def test_what_computes_new_values_is_refused(message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(REFUSED[message]))
