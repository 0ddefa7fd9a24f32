"""What keraslight uses of Keras's and TensorFlow's private interfaces, tested with Keras 3.15 and
TensorFlow 2.21; a failure here says what a new version has changed."""

import sys

import keras
import numpy as np
import pytest

from keraslight import compat
from keraslight.tflite.schema import tflite_schema


@pytest.mark.parametrize(
    ("name", "operate"),
    [
        ("Add", lambda x: x + x),
        ("Subtract", lambda x: x - x),
        ("Multiply", lambda x: x * x),
        ("GetItem", lambda x: x[..., :1]),
        ("Concatenate", lambda x: keras.ops.concatenate([x, x], axis=-1)),
        ("Pad", lambda x: keras.ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])),
        ("Reshape", lambda x: keras.ops.reshape(x, (-1, 4))),
        ("Transpose", lambda x: keras.ops.transpose(x)),
        ("OnesLike", lambda x: keras.ops.ones_like(x)),
        ("Split", lambda x: keras.ops.split(x, 2, axis=-1)[0]),
        ("Squeeze", lambda x: keras.ops.squeeze(x, 0)),
        ("Swapaxes", lambda x: keras.ops.swapaxes(x, 1, 2)),
        ("ZerosLike", lambda x: keras.ops.zeros_like(x)),
        ("Relu", lambda x: keras.ops.relu(x)),
        ("Relu6", lambda x: keras.ops.relu6(x)),
        ("Sigmoid", lambda x: keras.ops.sigmoid(x)),
        ("HardSigmoid", lambda x: keras.ops.hard_sigmoid(x)),
        ("Silu", lambda x: keras.ops.silu(x)),
        ("HardSilu", lambda x: keras.ops.hard_silu(x)),
        ("Tanh", lambda x: keras.ops.tanh(x)),
        ("Gelu", lambda x: keras.ops.gelu(x)),
        ("Softmax", lambda x: keras.ops.softmax(x)),
        ("ConvertToTensor", lambda x: keras.ops.convert_to_tensor(x)),
    ],
)
def test_operations_are_recorded_by_the_class_of_that_name(name, operate):
    x = keras.Input((4, 4, 2), batch_size=1)
    model = keras.Model(x, operate(x))
    kinds = {type(operation) for operation in model.operations}
    assert compat.operation_class(name) in kinds


def test_an_operation_that_keras_does_not_have_is_named():
    with pytest.raises(ImportError, match="Received: name='Frobnicate'"):
        compat.operation_class("Frobnicate")


def test_layers_inside_layers_are_found():
    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.Sequential([keras.layers.Dense(2, name="deep")], name="inner")
            self.parts = [keras.layers.Dense(2, name="shallow")]

    block = Block()
    assert {layer.name for layer in compat.inner_layers(block, False)} == {"inner", "shallow"}
    assert "deep" in {layer.name for layer in compat.inner_layers(block)}


def test_the_producer_of_a_tensor_is_its_layer():
    layer = keras.layers.Dense(2)
    assert compat.producer(layer(keras.Input((3,)))) is layer


def test_only_layers_of_keras_count_as_such():
    class Own(keras.layers.Dense):
        pass

    assert compat.is_of_keras(keras.layers.Dense(1))
    assert not compat.is_of_keras(Own(1))


def test_the_schema_reads_a_file_of_the_converter():
    tf = pytest.importorskip("tensorflow")
    function = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec((1, 2), tf.float32)])
    content = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    ).convert()
    model = tflite_schema().ModelT.InitFromPackedBuf(content, 0)
    assert tuple(np.asarray(model.subgraphs[0].tensors[0].shape)) == (1, 2)


@pytest.mark.parametrize("missing", [(), ("ai_edge_litert.interpreter",)])
def test_the_interpreter_is_that_of_litert_or_else_that_of_tensorflow(monkeypatch, missing):
    tf = pytest.importorskip("tensorflow")
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    function = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec((1, 2), tf.float32)])
    content = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    ).convert()
    interpreter = compat.tflite_interpreter(content)
    (details,) = interpreter.get_input_details()
    interpreter.set_tensor(details["index"], np.array([[1, 2]], "float32"))
    interpreter.invoke()
    (details,) = interpreter.get_output_details()
    np.testing.assert_array_equal(interpreter.get_tensor(details["index"]), [[2, 3]])


def test_a_model_whose_loss_is_built_is_traced_once():
    traced = []

    class Counts(keras.layers.Layer):
        def call(self, inputs):
            traced.append(inputs.shape)
            return inputs

    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.Dense(2)(Counts()(x)))
    data = np.ones((4, 3), "float32"), np.eye(2, dtype="float32")[[0, 1, 0, 1]]
    counts = []
    for build in (False, True):
        model.compile(
            "sgd", keras.losses.CategoricalCrossentropy(True), weighted_metrics=["accuracy"]
        )
        if build:
            compat.build_loss_and_metrics(model, keras.KerasTensor((None, 2)))
        traced.clear()
        history = model.fit(*data, batch_size=4, verbose=0).history
        counts.append(len(traced))
        assert set(history) == {"loss", "accuracy"}
    assert counts[1] == counts[0] - 1


def test_the_converter_keeps_inputs_and_outputs_in_order():
    tf = pytest.importorskip("tensorflow")
    shapes = [tf.TensorSpec((1, size), name=name) for size, name in ((1, "b"), (2, "a"))]
    function = tf.function(lambda b, a: (b + 1, a + 1), input_signature=shapes)
    infer = function.get_concrete_function()
    converter = compat.tflite_converter(infer)
    # an attribute of another name would be set without an error
    default = tf.lite.TFLiteConverter.from_concrete_functions([infer], tf.Module())
    replaced = "_freeze_concrete_function"
    assert set(vars(converter)) == {*vars(default), replaced} and hasattr(default, replaced)
    interpreter = compat.tflite_interpreter(converter.convert())
    for details in (interpreter.get_input_details(), interpreter.get_output_details()):
        assert [tuple(entry["shape"]) for entry in details] == [(1, 1), (1, 2)]


def test_functions_are_compiled_for_every_combination_of_shapes():
    tf = pytest.importorskip("tensorflow")
    traced = []

    def double(x):
        traced.append(x.shape)
        return 2 * x

    compiled = compat.compiled_by_tensorflow(double)
    for size in (2, 3, 2):
        np.testing.assert_array_equal(compiled(tf.ones((size,))), np.full(size, 2))
    assert len(traced) == 2
    assert compat.compiled_by_tensorflow(double) is compiled


def test_inputs_are_put_in_the_order_of_the_graph():
    inputs = {"b": keras.Input((1,), name="b"), "a": keras.Input((1,), name="a")}
    model = keras.Model(inputs, keras.layers.Subtract()([inputs["b"], inputs["a"]]))
    given = {"a": np.ones((2, 1), "float32"), "b": np.zeros((2, 1), "float32")}
    standardized = keras.tree.flatten(compat.standardized_inputs(model, given))
    expected = [given[tensor.name] for tensor in keras.tree.flatten(model.input)]
    for one, other in zip(standardized, expected, strict=True):
        np.testing.assert_array_equal(one, other)
