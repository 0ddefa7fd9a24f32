"""exact_model(runtime=...): bit for bit the numbers of each runtime, which runs here too."""

import itertools
import platform

import keras
import numpy as np
import pytest

import keraslight
from keraslight.verification.arm_softmax import ARM
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs
from tests.quantization.ops.checks import SHAPE as SMALL_SHAPE
from tests.quantization.ops.checks import model_of, quantized_of, randomize_biases
from tests.quantization.ops.test_attention import CASES, MORE
from tests.quantization.ops.test_lookups import CASES as LOOKUPS
from tests.quantization.ops.test_resize import CASES as RESIZES
from tests.quantization.ops.test_resize import MORE as MORE_RESIZES
from tests.quantization.runners import run_on
from tests.quantization.small_models import BLOCKS, build
from tests.quantization.test_exact import MODELS as LAYERS
from tests.quantization.test_exact import SHAPE

L = keras.layers
OTHERS = ("reference", "tflm")
# one layer for every rule of a runtime
RULES = {
    "convolution": "conv_grouped",
    "dense": "dense_of_images",
    "product": "gate",
    "matrix product": "matmul",
    "matrix product by XNNPACK": "symmetric second factor",
    "mean": "global_average_pooling",
    "addition": "add_relu",
    "difference": "subtract",
    "relu": "concat_relu",
    "relu6": "global_average_pooling_relu6",
    "average": "average_pooling_padded",
    "lookup": "sigmoid",
    "leaky_relu": "function: leaky relu",
    "table in the file": "function: clip",
    "prelu": "prelu",
    "interpolation": "bilinear",
    "softmax": "softmax",
}
FUNCTIONS = {f"function: {name}": function for name, (function, _) in LOOKUPS.items()}
del FUNCTIONS["function: prelu"]  # it belongs to a shape
OTHER_LAYERS = {
    "steep": lambda x: L.Softmax()(5 * L.Dense(37)(x)),
    "prelu": lambda x: L.PReLU(keras.initializers.RandomUniform(-0.4, 2, seed=0))(x),
}
ATTENTION = {**CASES, **MORE}
RESIZING = {**RESIZES, **MORE_RESIZES}
MODELS = {**LAYERS, **ATTENTION, **FUNCTIONS, **RESIZING, **OTHER_LAYERS}
# what a runtime has no kernel for, and functions of positive numbers
LEFT_OUT = ("gelu", "upsampling", "layer, nearest", "elu", "exponential", "log", "rsqrt")


def quantized_and_file(names, folder, shape=SHAPE):
    """Returns the quantized model of layers side by side, and its file."""
    model = model_of(*(MODELS[name] for name in names), shape=shape)
    randomize_biases(model)
    quantized = quantized_of(model)
    return quantized, keraslight.export_tflite(quantized, folder / "model.tflite")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return quantized_and_file(RULES.values(), tmp_path_factory.mktemp("runtimes"))


@pytest.mark.parametrize("runtime", OTHERS)
def test_every_rule(runtime, made):
    quantized, path = made
    x = 1.2 * images(2, *SHAPE, seed=1)  # so that values are clipped
    received = run_on(runtime, path, x)
    exact = outputs(keraslight.exact_model(quantized, runtime=runtime), x)
    for name, one, other in zip(RULES, exact, received, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
        assert len(np.unique(other)) > 2, name
    usual = run_on("xnnpack", path, x)
    assert any((one != other).any() for one, other in zip(received, usual, strict=True))


@pytest.mark.skipif(platform.machine() in ARM, reason="Arm computes it itself")
@pytest.mark.parametrize("name", exhaustive_but(["attention"], ["attention", "softmax", "steep"]))
def test_softmax_on_arm(name, tmp_path):
    """`tests/studies/test_arm.py` compares with emulated Arm processors."""
    quantized, path = quantized_and_file([name], tmp_path)
    x = 1.2 * images(2, *SHAPE, seed=1)
    exact = outputs(keraslight.exact_model(quantized, "xnnpack_arm"), x)[0]
    received = run_on("xnnpack_arm", path, x)[0]
    np.testing.assert_array_equal(exact, received)
    assert (received != run_on("xnnpack", path, x)[0]).any() == (name != "softmax")


@pytest.mark.exhaustive
@pytest.mark.parametrize("runtime", OTHERS)
@pytest.mark.parametrize("name", [name for name in MODELS if not name.endswith(LEFT_OUT)])
def test_every_layer(name, runtime, tmp_path):
    shape = SMALL_SHAPE if name in ATTENTION or name in RESIZING else SHAPE
    quantized, path = quantized_and_file([name], tmp_path, shape)
    x = 1.2 * images(4, *shape, seed=1)
    exact = outputs(keraslight.exact_model(quantized, runtime), x)
    np.testing.assert_array_equal(exact[0], run_on(runtime, path, x)[0])


@pytest.mark.parametrize(
    ("runtime", "family"),
    exhaustive_but([("tflm", "vgnetg")], itertools.product(OTHERS, BLOCKS)),
)
def test_family(runtime, family, tmp_path):
    model = keraslight.fuse(build(family))
    x = images(8, *model.input_shape[1:])
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [x], bias_correction=False, verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    exact = outputs(keraslight.exact_model(quantized, runtime), 1.2 * x)
    np.testing.assert_array_equal(exact[0], run_on(runtime, path, 1.2 * x)[0])


def test_an_operator_that_a_runtime_lacks():
    start = keras.Input((4, 4, 2))
    quantized = keraslight.quantize_model(
        keras.Model(start, L.Activation("gelu", name="act")(L.Conv2D(2, 1)(start)))
    )
    keraslight.calibrate(quantized, [images(2, 4, 4, 2)], bias_correction=False, verbose=0)
    with pytest.raises(
        ValueError, match=r"TensorFlow Lite Micro has no working kernel for GELU.*'act"
    ):
        keraslight.exact_model(quantized, runtime="tflm")
    with pytest.raises(ValueError, match=r"`runtime` must be one of .*runtime='gpu'"):
        keraslight.exact_model(quantized, runtime="gpu")
