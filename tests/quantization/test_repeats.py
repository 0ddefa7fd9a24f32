"""ReLUs of one tensor that a model computes several times."""

import keras

import keraslight
from keraslight.quantization.fake_quantize import FakeQuantize
from tests.helpers import images
from tests.quantization.ops.checks import assert_exact, model_of, quantized_of

L = keras.layers


def branches(x):
    """Branches that begin with a ReLU each, written in three ways, as NASNet's do."""
    x = L.Conv2D(8, 3)(x)
    ends = L.ReLU()(x), L.Activation("relu")(x), keras.ops.relu(x)
    return L.Add()([L.Add()([L.DepthwiseConv2D(3)(end) for end in ends[:2]]), ends[2][:, :3, :3]])


def of_a_sum(x):
    x = L.Add()([L.Conv2D(8, 1)(x), L.Conv2D(8, 1)(x)])
    return L.Concatenate()([L.Conv2D(4, 1)(L.ReLU(6)(x)), L.DepthwiseConv2D(1)(L.ReLU(6)(x))])


def also_plain(x):
    """The tensor is read before the ReLU too: nothing is fused."""
    x = L.Conv2D(8, 1)(x)
    return L.Concatenate()([L.Conv2D(8, 1)(L.ReLU()(x)), L.Conv2D(8, 1)(L.ReLU()(x)), x])


def test_integers_are_those_of_the_file(tmp_path):
    assert_exact(model_of(branches, of_a_sum, also_plain), tmp_path / "model.tflite")


def test_outputs_of_the_model(tmp_path):
    start = keras.Input((7, 7, 4))
    x = L.Conv2D(8, 1)(start)
    model = keras.Model(start, [L.ReLU()(x), L.Conv2D(4, 1)(L.ReLU()(x))])
    assert_exact(model, tmp_path / "model.tflite")


def test_one_range_and_a_report():
    model = model_of(branches)
    quantized = quantized_of(model)
    names = [x.name for x in quantized.layers if isinstance(x, FakeQuantize)]
    assert sum("re_lu" in name or "activation" in name for name in names) == 1
    assert keraslight.quantization_report(model, quantized, [images(4, 7, 7, 8)]).tensors


def test_a_relu_in_float32_is_left_alone():
    start = keras.Input((7, 7, 4))
    x = L.Conv2D(8, 1)(start)
    ends = L.Conv2D(4, 1)(L.ReLU()(x)), L.Conv2D(4, 1)(L.ReLU(name="kept")(x))
    assert quantized_of(keras.Model(start, ends), keep_float=["kept"]).float_layers == ["kept"]
