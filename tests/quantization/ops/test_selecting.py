"""Operations in int8 that select or move values."""

import keras
import numpy as np
import pytest

import keraslight
from tests.quantization.ops.checks import assert_exact, model_of

L = keras.layers
PADDING = [[0, 0], [1, 2], [0, 1], [0, 0]]


def split(x):
    first, second = keras.ops.split(x, 2, axis=-1)
    return L.Add()([L.Conv2D(4, 1)(first), second])


def joined_slices(x):
    """What `unstack` takes apart, joined along another axis."""
    return keras.ops.stack(keras.ops.unstack(x, axis=1)[2:5], axis=-1)


def pixel_shuffle(x):
    x = keras.ops.transpose(L.Reshape((7, 7, 2, 2, 2))(x), (0, 1, 3, 2, 4, 5))
    return L.Reshape((14, 14, 2))(x)


CASES = (
    split,
    joined_slices,
    pixel_shuffle,
    lambda x: keras.ops.pad(x, PADDING, constant_values=-5.0),
    lambda x: keras.ops.pad(keras.ops.sigmoid(x), PADDING, constant_values=0.3),
    lambda x: keras.ops.pad(x, PADDING, mode="reflect"),
    lambda x: keras.ops.flip(x, axis=(1, -2)),
    lambda x: keras.ops.take(x, [2, -1, 0], axis=1),
    lambda x: keras.ops.swapaxes(x, 1, 3),
    lambda x: L.Flatten()(inputs=x),
)
MORE = (
    lambda x: keras.ops.pad(x, PADDING),
    lambda x: keras.ops.pad(x, PADDING, constant_values=0.0),
    lambda x: keras.ops.pad(x, PADDING, mode="symmetric"),
    lambda x: keras.ops.split(keras.ops.pad(x, PADDING, constant_values=5.0), [3], axis=-1)[0],
    lambda x: keras.ops.tile(x, (1, 2, 3, 1)),
    lambda x: keras.ops.repeat(x, 3, axis=1),
    lambda x: keras.ops.roll(x, (2, -3), axis=(1, 2)),
    lambda x: keras.ops.squeeze(keras.ops.expand_dims(x, 2)[:, :, :, 1:], 2),
    lambda x: keras.ops.moveaxis(x, 1, -1),
    lambda x: keras.ops.slice(x, (0, 1, 2, 0), (-1, 4, 3, 8)),
    lambda x: keras.ops.stack([x, L.Conv2D(8, 1)(x)], axis=1),
    lambda x: x[:, ::2, 1::3, 2:5],
    lambda x: x[..., ::-1],
    lambda x: keras.ops.nn.depth_to_space(x, 2),
    lambda x: keras.ops.nn.space_to_depth(x[:, :6, :6], 2),
    lambda x: L.RepeatVector(4)(L.Flatten()(x)),
    lambda x: L.UpSampling1D(3)(L.Reshape((49, 8))(x)),
    lambda x: L.Cropping1D((2, 3))(L.ZeroPadding1D((3, 1))(L.Reshape((49, 8))(x))),
)
REFUSED = {
    "a finite number; constant_values=-inf": lambda x: keras.ops.pad(
        x, PADDING, constant_values=-np.inf
    ),
    "take has one along an axis": lambda x: keras.ops.take(x, [0, 1]),
    "whose range is fixed in int8": lambda x: keras.ops.pad(
        keras.ops.sigmoid(x), PADDING, constant_values=2.0
    ),
}


def test_integers_are_those_of_the_file(tmp_path):
    assert_exact(model_of(*CASES), tmp_path / "model.tflite")


@pytest.mark.exhaustive
def test_more_integers(tmp_path):
    assert_exact(model_of(*MORE), tmp_path / "model.tflite")


@pytest.mark.parametrize("message", REFUSED)
def test_what_computes_new_values_is_refused(message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(REFUSED[message]))
