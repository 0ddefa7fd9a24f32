"""Products of matrices in int8: attention and what it is made of."""

import itertools

import keras
import numpy as np
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.helpers import images
from tests.quantization.ops.checks import (
    assert_exact,
    assert_trains,
    model_of,
    quantized_of,
    randomize_biases,
)

L = keras.layers
ops = keras.ops
BIAS = np.random.default_rng(0).normal(size=(1, 2, 49, 49)).astype("float32")


def heads(x, count=2, size=6):
    """A tensor of the shape (positions, heads, size)."""
    layer = L.EinsumDense("abc,cde->abde", (None, count, size), bias_axes="de")
    _, height, width, channels = x.shape
    return layer(L.Reshape((height * width, channels))(x))


def written_out(x):
    """Attention as layers that predate `dot_product_attention` write it."""
    scores = ops.einsum("aecd,abcd->acbe", heads(x), heads(x) * 0.4)
    return ops.einsum("acbe,aecd->abcd", L.Softmax()(scores), heads(x))


def of_many_terms(x):
    """A product whose sums float32 cannot hold."""
    x = L.Flatten()(x)
    first, second = (L.Dense(4 * 300)(x) for _ in range(2))
    return ops.matmul(L.Reshape((4, 300))(first), L.Reshape((300, 4))(second))


def transposed(x):
    return ops.transpose(heads(x), (0, 2, 1, 3))


def columns(x):
    return ops.swapaxes(transposed(x), 2, 3)


FACTORS = {
    "matrices": lambda x: (transposed(x), columns(x)),
    "a row": lambda x: (transposed(x)[:, :, :1], columns(x)),
    "a column": lambda x: (transposed(x), columns(x)[..., :1]),
    "vectors": lambda x: (ops.expand_dims(transposed(x), -2), ops.expand_dims(transposed(x), -1)),
    "one matrix for all": lambda x: (transposed(x), columns(x)[:, :1]),
}

FACTOR_NAMES = ("matrices, vectors", "a row, a column, one matrix for all")


def product(name, symmetric):
    """A product of two tensors, of which one is a tanh: its zero point is 0."""

    def result(x):
        factors = list(FACTORS[name](x))
        factors[symmetric] = ops.tanh(factors[symmetric])
        return ops.matmul(*factors)

    return result


CASES = {
    "attention": lambda x: ops.dot_product_attention(heads(x), heads(x), heads(x)),
    "joined heads": lambda x: L.EinsumDense("abcd,cde->abe", (None, 9), activation="relu")(
        heads(x)
    ),
    "written out": written_out,
    "many terms": of_many_terms,
    "dense of five axes": lambda x: L.Dense(5, activation="relu")(L.Reshape((7, 7, 2, 4))(x)),
    "softmax of two axes": lambda x: L.Softmax(axis=(1, 2))(3 * x),
}
MORE = {
    "matmul": lambda x: transposed(x) @ ops.swapaxes(transposed(x), 2, 3),
    "relu": lambda x: L.ReLU()(transposed(x) @ ops.swapaxes(transposed(x), 2, 3)),
    "ellipsis": lambda x: ops.einsum("...qd,...kd->...qk", transposed(x), transposed(x)),
    "two contracted": lambda x: ops.einsum("bhwc,bhwd->bcd", x, L.Conv2D(5, 1)(x)),
    "ellipsis of weights": lambda x: L.EinsumDense("...x,xy->...y", 5, bias_axes="y")(x),
    "dense along an axis": lambda x: L.EinsumDense("abcd,be->aecd", (6, 7, 8))(x),
    "grouped heads": lambda x: ops.dot_product_attention(
        heads(x, 4), heads(x, 2), heads(x, 2), scale=0.3
    ),
    "bias": lambda x: ops.dot_product_attention(heads(x), heads(x), heads(x), bias=BIAS),
    "constant": lambda x: ops.matmul(x, BIAS[0, 0, :8, :5]),
    "constant before": lambda x: ops.matmul(BIAS[0, 0, :5, :7], x),
    "constant of einsum": lambda x: ops.einsum("wv,bhwc->bvhc", BIAS[0, 0, :7, :5], x),
    "softmax": lambda x: L.Softmax(axis=1)(x),
    "softmax in a layer": lambda x: L.Dense(5, activation=L.Softmax(axis=2))(x),
    "symmetric first factor": product("matrices", 0),
    "symmetric second factor": product("matrices", 1),
    "softmax of all axes": lambda x: L.Softmax(axis=(1, 2, 3))(5 * x[:, :3, :3, :2]),
}


def test_integers_are_those_of_the_file(tmp_path):
    model = model_of(*CASES.values())
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("BATCH_MATMUL") == 5


@pytest.mark.parametrize(
    ("names", "symmetric"),
    exhaustive_but([("matrices, vectors", 1)], itertools.product(FACTOR_NAMES, (0, 1))),
)
def test_products_of_every_shape(names, symmetric, tmp_path):
    """XNNPACK takes the products whose second factor has the zero point 0, whatever the shape."""
    names = names.split(", ")
    model = model_of(*(product(name, symmetric) for name in names))
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("BATCH_MATMUL") == len(names)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", MORE)
def test_more_integers(name, tmp_path):
    model = model_of(MORE[name])
    randomize_biases(model)
    assert_exact(model, tmp_path / "model.tflite")


def test_training():
    assert_trains(model_of(CASES["attention"], shape=(2, 3, 8)))


def test_report_finds_the_weights():
    model = model_of(lambda x: heads(x))
    report = keraslight.quantization_report(model, quantized_of(model), [images(2, 7, 7, 8)])
    assert report.worst[0].snr > 25


REFUSED = {
    "a mask that is a constant": lambda x: ops.dot_product_attention(
        heads(x), heads(x), heads(x), mask=ops.einsum("aecd,abcd->acbe", heads(x), heads(x)) > 0
    ),
    "for a constant matrix": lambda x: ops.matmul(x, BIAS[0, 0, :7, :8].reshape(7, 8, 1)),
    "the same weights at all positions": lambda x: L.EinsumDense("abc,bcd->abd", (49, 3))(
        L.Reshape((49, 8))(x)
    ),
    "sums over an axis of one tensor: ": lambda x: ops.einsum("bhwc,bxyz->bhz", x, x),
    "sums over no axis": lambda x: ops.einsum("bhwc,bhwc->bhwc", x, x),
}


@pytest.mark.parametrize("message", REFUSED)
def test_other_products_are_refused(message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(REFUSED[message]))
