"""Activations in int8: which functions, layers and operations are theirs."""

import keras
import pytest

import keraslight
from tests.quantization.ops.checks import assert_exact, model_of

L = keras.layers


def relu(x):
    """Another function with the name of a known one."""
    return 0.5 * keras.ops.relu(x)


def dense(activation):
    return lambda x: L.Dense(5, activation=activation, name="odd_one")(x)


CASES = (
    lambda x: L.Dense(5, activation=L.ReLU())(x),
    lambda x: L.Dense(5, activation=L.ReLU(max_value=6))(x),
    lambda x: L.Dense(5, activation=L.Softmax())(x),
    lambda x: L.Softmax(axis=3)(x),
    keras.ops.relu,
    keras.ops.relu6,
    keras.ops.sigmoid,
    keras.ops.tanh,
    keras.ops.silu,
    keras.ops.hard_silu,
    keras.ops.softmax,
    lambda x: keras.ops.gelu(x, approximate=False),
)


def test_layers_as_activations_and_bare_operations(tmp_path):
    assert_exact(model_of(*CASES), tmp_path / "model.tflite")


@pytest.mark.parametrize("layer", [relu, keras.activations.sparsemax])
def test_other_functions_are_refused(layer):
    with pytest.raises(ValueError, match=r"odd_one.*no rule for its activation"):
        keraslight.quantize_model(model_of(dense(layer)))


def test_a_function_with_the_name_of_a_known_one_is_read(tmp_path):
    assert_exact(model_of(lambda x: L.Activation(relu)(x)), tmp_path / "model.tflite")


def test_softmax_with_a_mask_is_refused():
    def masked(x):
        return L.Softmax()(x, mask=keras.ops.ones_like(x, dtype="bool"))

    with pytest.raises(ValueError, match="no int8 form"):
        keraslight.quantize_model(model_of(masked))
