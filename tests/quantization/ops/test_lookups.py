"""Functions of one number in int8, on all 256 codes of their input."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.ops import OPS
from tests.export.files import operations, tensor_types
from tests.helpers import outputs, signal_to_noise
from tests.quantization.ops.checks import assert_trains, model_of, quantized_of, run_file

A, L, ops = keras.activations, keras.layers, keras.ops
INPUTS = (-3, 3.2)
OUTPUTS = (-1.1, 3.2)
TABLE = ["CAST", "ADD", "GATHER"]

# what each is written as in the file
CASES = {
    "sigmoid": (ops.sigmoid, ["LOGISTIC"]),
    "tanh": (ops.tanh, ["TANH"]),
    "exponential": (A.exponential, ["EXP"]),
    "gelu": (lambda x: ops.gelu(x, approximate=False), ["GELU"]),
    "approximate gelu": (ops.gelu, ["GELU"]),
    "leaky relu": (L.LeakyReLU(0.1), ["LEAKY_RELU"]),
    "steep leaky relu": (lambda x: ops.leaky_relu(x, 1.7), ["LEAKY_RELU"]),
    "leaky relu of a slope too small": (L.LeakyReLU(0.001), TABLE),
    "absolute": (ops.abs, ["LEAKY_RELU"]),
    "elu": (L.ELU(), ["ELU"]),
    "elu of another alpha": (L.ELU(0.5), TABLE),
    "relu of other arguments": (L.ReLU(2.0, negative_slope=0.1, threshold=0.3), TABLE),
    "clip": (lambda x: ops.clip(x, -0.5, 0.7), TABLE),
    "log": (ops.log, TABLE),
    "rsqrt": (ops.rsqrt, TABLE),
    "sqrt": (lambda x: ops.sqrt(ops.abs(x)), ["LEAKY_RELU", *TABLE]),
    "sine": (ops.sin, TABLE),
    "cube": (lambda x: x**3, TABLE),
    "reciprocal": (lambda x: 0.5 / x, TABLE),
    "maximum": (lambda x: ops.maximum(x, -0.3), TABLE),
    "prelu": (L.PReLU(keras.initializers.Constant(0.3)), ["PRELU"]),
    **{function.__name__: (L.Activation(function), TABLE) for function in (A.mish, A.softplus)},
}
OTHERS = [A.celu, A.selu, A.softsign, A.hard_tanh, A.log_sigmoid, ops.cos, ops.floor, ops.erf]
OTHERS += [ops.sign, ops.expm1, ops.log1p, ops.arctan]
OTHERS += [ops.reciprocal, lambda x: x**-0.5, lambda x: 1.5**x, lambda x: ops.minimum(0.4, x)]


def exact_file(functions, path, range_of_inputs=INPUTS, range_of_outputs=None):
    """Returns the operations of a file that is equal to its integers on every code.

    Args:
        functions: the functions, side by side.
        path: where to write the file.
        range_of_inputs: the range of what they take.
        range_of_outputs: optional function from each function to the range of its output.
    """
    # every code once, in one picture
    codes = np.linspace(*range_of_inputs, 256, dtype="float32").reshape(1, 16, 16, 1)
    x = keras.Input(codes.shape[1:])
    ends = [function(x) for function in functions]
    quantized = keraslight.quantize_model(keras.Model(x, ends))
    quantized.get_layer(f"{x.name}_range").set_range(codes.min(), codes.max())
    for quantizer in quantized.quantizers:
        if quantizer.fixed_range is None and quantizer.name != f"{x.name}_range":
            quantizer.set_range(*OUTPUTS)
    for function, end in zip(functions, ends, strict=True):
        if range_of_outputs is not None:
            quantizer = quantized.get_layer(f"{end._keras_history.operation.name}_range")
            if quantizer.fixed_range is None:
                quantizer.set_range(*range_of_outputs(function))
    keraslight.export_tflite(quantized, path)
    assert tensor_types(path) <= {"INT8", "INT32"}
    received = run_file(path, codes)
    for model in (keraslight.exact_model(quantized), quantized):
        for number, (one, other) in enumerate(zip(outputs(model, codes), received, strict=True)):
            np.testing.assert_array_equal(one, other, err_msg=str(functions[number]))
    in_training = keras.tree.flatten(quantized(codes, training=True))
    for one, other in zip(in_training, received, strict=True):
        np.testing.assert_array_equal(one, other)
    return operations(path)


def test_every_code_is_that_of_the_file(tmp_path):
    functions, expected = zip(*CASES.values(), strict=True)
    found = exact_file(functions, tmp_path / "model.tflite")
    assert sorted(found) == sorted(name for names in expected for name in names)


@pytest.mark.exhaustive
def test_every_code_of_other_functions_is_that_of_the_file(tmp_path):
    exact_file(OTHERS, tmp_path / "model.tflite")


def test_values_between_two_codes_are_in_the_file(tmp_path):
    """How they are rounded depends on the last bits of what a machine computes in float32."""
    step = 37
    scale = np.log(200.5 / 55.5) / step  # the sigmoid of 37 steps is 200.5 steps of 1 / 256

    def between(function):
        value = function(np.float64([step * scale]))[0]
        return 0, value / 100.5 * 255

    functions = [ops.sigmoid, A.gelu, A.exponential, A.elu]
    path = tmp_path / "model.tflite"
    found = exact_file(functions, path, (-128 * scale, 127 * scale), between)
    assert sorted(found) == sorted(TABLE * len(functions))


def test_error_is_that_of_rounding(tmp_path):
    functions = [L.Activation("mish"), L.LeakyReLU(0.2), L.ELU(), L.Dense(5, activation="selu")]
    model = model_of(*functions)
    quantized = quantized_of(model)
    x = np.random.default_rng(0).normal(0, 1, (6, 7, 7, 8)).astype("float32")
    for one, other in zip(outputs(model, x), outputs(quantized, x), strict=True):
        assert signal_to_noise(one, other) > 30


def test_training():
    def layers(x):
        x = L.PReLU("glorot_uniform", shared_axes=[1, 2])(L.Activation("mish")(x))
        return L.Dense(5)(L.LeakyReLU()(x))

    assert_trains(model_of(layers))


def test_a_saved_model_computes_the_same(tmp_path):
    quantized = quantized_of(model_of(L.LeakyReLU(0.1), L.Activation("mish"), ops.sin))
    quantized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(0, 1, (2, 7, 7, 8)).astype("float32")
    for one, other in zip(outputs(quantized, x), outputs(loaded, x), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_function_in_float_stays_in_float(tmp_path):
    model = model_of(lambda x: L.Conv2D(4, 1)(L.Activation("mish", name="function")(x)))
    quantized = quantized_of(model, keep_float=["function"])
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    assert "GATHER" not in operations(path)


def test_every_function_is_of_one_operation():
    functions = [f for op in OPS if isinstance(op, LookupOp) for f in op.functions]
    assert len({id(function) for function in functions}) == len(functions)
