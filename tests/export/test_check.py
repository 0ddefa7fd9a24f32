"""No file that is wrong without an error: what export_tflite refuses."""

import copy

import keras
import numpy as np
import pytest

import keraslight
from keraslight.compat import tflite_interpreter
from keraslight.export.check import check_file
from keraslight.export.check_outputs import check_outputs
from keraslight.graph.graph import trace
from keraslight.tflite import flatbuffer
from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import images, outputs

L = keras.layers
# positions in the model of the fixture below
CONV, DEPTHWISE, DENSE = 0, 1, 3


@pytest.fixture(scope="module")
def float_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, activation="relu", bias_initializer="normal", name="conv")(inputs)
    x = L.DepthwiseConv2D(3, bias_initializer="normal", name="depthwise")(x)
    x = L.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, L.Dense(5, bias_initializer="normal", name="dense")(x))


@pytest.fixture(scope="module")
def quantized(float_model):
    model = keraslight.quantize_model(float_model)
    return keraslight.calibrate(model, [images(16, 8, 8, 3)], verbose=0)


@pytest.fixture(scope="module")
def int8_file(quantized, tmp_path_factory):
    path = tmp_path_factory.mktemp("check") / "int8.tflite"
    return keraslight.export_tflite(quantized, path).read_bytes()


class Editor:
    """Changes a good file."""

    def __init__(self, content):
        self.model = flatbuffer.read(content)
        self.graph = self.model.subgraphs[0]

    def tensor(self, operation, operand):
        """Returns the input (0), weights (1), bias (2) or output (-1) of an operation."""
        operation = self.graph.operators[operation]
        index = operation.outputs[0] if operand == -1 else operation.inputs[operand]
        return self.graph.tensors[index]

    def scale(self, operation, operand, change):
        found = self.tensor(operation, operand).quantization
        found.scale = found.scale.copy()
        found.scale[0] = change(found.scale[0])

    def zero_point(self, operation, operand, value):
        found = self.tensor(operation, operand).quantization
        found.zeroPoint = np.full_like(found.zeroPoint, value)

    def values(self, operation, operand, dtype, change):
        buffer = self.model.buffers[self.tensor(operation, operand).buffer]
        values = np.frombuffer(bytes(buffer.data), dtype).copy()
        values[0] = change(values[0])
        buffer.data = np.frombuffer(values.tobytes(), "uint8")

    def content(self):
        return flatbuffer.write(self.model)


@pytest.mark.parametrize("value", [0, -0.1, np.nan, np.inf, 1e-40])
@pytest.mark.parametrize("operand", [-1, 1, 2], ids=["activation", "weights", "bias"])
def test_a_scale_that_is_no_positive_normal_number_is_refused(int8_file, operand, value):
    editor = Editor(int8_file)
    editor.scale(CONV, operand, lambda scale: value)
    with pytest.raises(ValueError, match=r"not a positive normal number.*Received: scale="):
        check_file(editor.content())


@pytest.mark.parametrize(
    ("operand", "value", "message"),
    [
        (-1, 128, r"a zero point .* is not of type int8"),
        (-1, -129, r"a zero point .* is not of type int8"),
        (1, 1, r"the weights of the layer 'conv' are not symmetric"),
        (2, 1, r"of type int32 must be symmetric"),
    ],
)
def test_a_zero_point_that_does_not_fit_is_refused(int8_file, quantized, operand, value, message):
    editor = Editor(int8_file)
    editor.zero_point(CONV, operand, value)
    with pytest.raises(ValueError, match=message):
        check_file(editor.content(), quantized)


def test_a_bias_of_another_scale_than_the_products_is_refused(int8_file, quantized):
    editor = Editor(int8_file)
    editor.scale(DEPTHWISE, 2, lambda scale: 1.001 * scale)
    with pytest.raises(
        ValueError, match="the bias of the layer 'depthwise' is not that of the pro"
    ):
        check_file(editor.content(), quantized)
    with pytest.raises(ValueError, match=r"the layer of the tensor '.*depthwise"):
        check_file(editor.content())


def test_an_output_scale_that_the_runtime_rejects_is_refused(int8_file):
    editor = Editor(int8_file)
    editor.scale(DENSE, -1, lambda scale: 1e-6 * scale)
    with pytest.raises(ValueError, match=r"output of the layer of .*dense.* is too small"):
        check_file(editor.content())
    with pytest.raises(ValueError, match="The runtime cannot run"):
        tflite_interpreter(editor.content())


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), 2**31 - 1000])
def test_a_bias_that_overflows_the_accumulator_is_refused(int8_file, quantized, value):
    editor = Editor(int8_file)
    editor.values(DENSE, 2, "int32", lambda _: value)
    with pytest.raises(ValueError, match="'dense' sums up more than an int32 holds"):
        check_file(editor.content(), quantized)
    with pytest.raises(ValueError, match=r"the layer of the tensor '.*' sums up more"):
        check_file(editor.content())


@pytest.mark.parametrize(("operation", "name"), [(CONV, "conv"), (DENSE, "dense")])
def test_a_bias_that_is_not_that_of_the_model_is_refused(int8_file, quantized, operation, name):
    editor = Editor(int8_file)
    editor.values(operation, 2, "int32", lambda bias: bias + 2)
    with pytest.raises(ValueError, match=f"bias of the layer '{name}' is not that of the model"):
        check_file(editor.content(), quantized)


def test_weights_that_are_not_those_of_the_model_are_refused(int8_file, quantized):
    editor = Editor(int8_file)
    editor.values(DEPTHWISE, 1, "int8", lambda code: code - 2 * np.sign(code))
    with pytest.raises(ValueError, match=r"those of no layer.*\['depthwise'\]"):
        check_file(editor.content(), quantized)


def test_operations_that_are_no_layer_of_the_model_are_left_alone(int8_file, quantized):
    """Such as those into which the converter splits a layer."""
    editor = Editor(int8_file)
    graph, model = editor.graph, editor.model
    other, weights = copy.copy(graph.operators[DENSE]), copy.copy(editor.tensor(DENSE, 1))
    model.buffers.append(copy.copy(model.buffers[weights.buffer]))
    model.buffers[-1].data = model.buffers[-1].data[::-1].copy()
    weights.buffer = len(model.buffers) - 1
    graph.tensors.append(weights)
    other.inputs = [other.inputs[0], len(graph.tensors) - 1, -1]
    graph.operators.append(other)
    check_file(editor.content(), quantized)


def test_layers_with_the_same_weights_are_told_apart_by_their_biases(tmp_path):
    inputs = keras.Input((4,))
    layers = [L.Dense(4, "relu", kernel_initializer="ones", name=name) for name in "ab"]
    model = keras.Model(inputs, layers[1](layers[0](inputs)))
    layers[0].bias.assign([1, 2, 3, 4])
    layers[1].bias.assign([4, 3, 2, 1])
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [images(8, 4)], bias_correction=False, verbose=0)
    content = keraslight.export_tflite(quantized, tmp_path / "m.tflite").read_bytes()
    editor = Editor(content)
    editor.values(1, 2, "int32", lambda bias: bias + 5)
    with pytest.raises(ValueError, match="bias of the layer 'b' is not that of the model"):
        check_file(editor.content(), quantized)


def test_constants_that_are_not_finite_are_refused(float_model, tmp_path):
    content = keraslight.export_tflite(float_model, tmp_path / "m.tflite").read_bytes()
    check_file(content)
    for value in (np.nan, -np.inf):
        editor = Editor(content)
        editor.values(CONV, 1, "float32", lambda _, value=value: value)
        with pytest.raises(ValueError, match=r"NaN or infinite.*Received: 1 such values"):
            check_file(editor.content())


def refused(folder, message, *args, **kwargs):
    with pytest.raises(ValueError, match=message):
        keraslight.export_tflite(*args, **kwargs)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_with_weights_that_are_not_finite_is_refused(tmp_path, value):
    model = keras.Sequential([keras.Input((4,)), L.Dense(2, name="broken")])
    model.layers[0].bias.assign([0, value])
    refused(tmp_path, r"NaN or infinite.*variable '.*broken/bias'", model, tmp_path / "m.tflite")


def test_weights_that_overflow_float16_are_refused(tmp_path):
    model = keras.Sequential([keras.Input((4,)), L.Dense(256, name="large")])
    model.layers[0].kernel.assign(np.full((4, 256), 1e5))
    refused(
        tmp_path, r"for float16.*variable '.*large/kernel'", model, tmp_path / "m.tflite", "float16"
    )


def dead_dense():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="dead")])
    model.layers[0].set_weights([np.zeros((4, 3)), np.array([1.0, 2, 3])])
    return model, images(16, 4)


def dead_channel(layer):
    """A BatchNormalization with a gamma of zero after a layer, fused."""
    model = keras.Sequential([keras.Input((6, 6, 4)), layer, L.BatchNormalization()])
    gamma, beta = np.ones(4), np.zeros(4)
    gamma[1], beta[1] = 0, 3
    model.layers[1].set_weights([gamma, beta, np.zeros(4), np.ones(4)])
    return keraslight.fuse(model), images(16, 6, 6, 4)


@pytest.mark.parametrize(
    "make",
    [
        dead_dense,
        lambda: dead_channel(L.Conv2D(4, 3)),
        lambda: dead_channel(L.DepthwiseConv2D(3)),
    ],
    ids=["dense", "conv", "depthwise"],
)
def test_a_channel_without_weights_is_right_or_refused(tmp_path, make):
    model, x = make()
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [x], verbose=0)
    try:
        path = keraslight.export_tflite(quantized, tmp_path / "m.tflite")
    except ValueError as error:
        assert "int8 file would be wrong" in str(error)
        assert list(tmp_path.iterdir()) == []
        return
    runner = TFLiteRunner(path)
    step = runner.output["quantization"][0]
    assert np.abs(runner.predict(x) - outputs(quantized, x)[0]).max() <= 1.01 * step


def test_a_file_that_computes_something_else_is_refused(float_model, quantized, int8_file):
    """One channel of five is off: the error is not averaged over all."""
    graph = trace(quantized)
    check_outputs(int8_file, quantized, graph.inputs, "int8")
    check_outputs(int8_file, quantized, graph.inputs, "int8", data=[images(3, 8, 8, 3)])
    editor = Editor(int8_file)
    step, output_step = (editor.tensor(DENSE, k).quantization.scale[0] for k in (2, -1))
    editor.values(
        DENSE, 2, "int32", lambda bias: bias - np.sign(bias) * int(100 * output_step / step)
    )
    with pytest.raises(ValueError, match=r"channel 0 of the output 'dense' differs.*check=False"):
        check_outputs(editor.content(), quantized, graph.inputs, "int8")


def test_a_file_is_compared_with_the_model_as_given(monkeypatch, tmp_path, float_model):
    other = keras.models.clone_model(float_model)
    other.get_layer("dense").bias.assign([0, 0, 0, 0, 3])
    monkeypatch.setattr("keraslight.export.tflite.trace", lambda model: trace(other))
    path = tmp_path / "m.tflite"
    refused(tmp_path, "does not compute what the model computes", float_model, path)
    assert keraslight.export_tflite(float_model, path, check=False).is_file()


def test_models_with_several_inputs_are_compared(tmp_path):
    inputs = {"b": keras.Input((3,), name="b"), "a": keras.Input((2,), name="a")}
    index = keras.Input((1,), dtype="int32", name="index")
    embedded = L.Flatten()(L.Embedding(5, 4)(index))
    x = L.Concatenate()([L.Dense(4)(inputs["b"]), L.Dense(4)(inputs["a"]), embedded])
    model = keras.Model({**inputs, "index": index}, {"sum": x, "twice": L.Rescaling(2.0)(x)})
    assert keraslight.export_tflite(model, tmp_path / "m.tflite").is_file()
