"""Layers of others, which are written out in their parts."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.compat import is_of_keras, operation_class
from keraslight.graph.deploy import registered_form
from keraslight.tflite.runner import TFLiteRunner
from tests.export.files import tensor_types
from tests.helpers import images, outputs, randomize_norms, relative_error, unchanged
from tests.quantization.ops.checks import quantized_of

L = keras.layers
ops = keras.ops
SHAPE = (8, 8, 4)


class Own(L.Layer):
    """A layer with an argument that its configuration leaves out."""

    def __init__(self, make=None, **kwargs):
        super().__init__(**kwargs)
        self.make = make

    def get_config(self):
        raise NotImplementedError


class ScaleBias(L.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer=keras.initializers.Constant(1.7))
        self.bias = self.add_weight(shape=(), initializer=keras.initializers.Constant(-0.3))

    def call(self, x):
        return self.scale * x + self.bias


class LayerScale(L.Layer):
    def build(self, shape):
        self.gamma = self.add_weight(shape=shape[-1:], initializer="random_normal")

    def call(self, x):
        return x * self.gamma


class Residual(Own):
    """Layers and scales in a list, and a switch for training."""

    def build(self, shape):
        self.parts = [
            L.Conv2D(shape[-1], 3, padding="same", use_bias=False, name="conv"),
            L.BatchNormalization(name="conv"),
            LayerScale(),
        ]

    def call(self, x, training=True):
        y = x
        for part in self.parts:
            y = part(y)
        return x + y if not training else y


class OwnConv(L.Conv2D):
    def call(self, x):
        return ops.tanh(super().call(x))


class OwnKernel(L.Layer):
    """A convolution whose kernel is computed from weights."""

    def build(self, shape):
        self.kernels = [
            self.add_weight(shape=(3, 3, shape[-1], 5), initializer="random_normal")
            for _ in range(2)
        ]

    def call(self, x):
        return ops.nn.conv(x, self.kernels[0] * 2 - self.kernels[1], padding="same")


class Tokens(L.Layer):
    """A class token and positions, as vision transformers have them."""

    def build(self, shape):
        size, channels = shape[1] * shape[2], shape[3]
        self.token = self.add_weight(shape=(1, 1, channels), initializer="random_normal")
        self.positions = self.add_weight(shape=(1, size + 1, channels), initializer="random_normal")

    def call(self, x):
        batch = ops.shape(x)[0]
        x = ops.reshape(x, (batch, -1, x.shape[-1]))
        x = ops.concatenate([ops.tile(self.token, (batch, 1, 1)), x], axis=1)
        return x + self.positions


class Several(L.Layer):
    """Two inputs, a dict of outputs, and one output that is an input."""

    def call(self, first, second, *, scale=2.0):
        return {"sum": first * scale + second, "first": first, "half": ops.split(second, 2, -1)[1]}


class Scores(L.Layer):
    """A constant among the outputs, and an inner layer that is passed `training` in vain."""

    def build(self, shape):
        self.scale = LayerScale()

    def call(self, x, training=None):
        return self.scale(x, training=training), ops.zeros((0, 4))


class OfWindows(L.Layer):
    """Is called on all windows, adds a number for each of them and has two heads."""

    def __init__(self, windows, **kwargs):
        super().__init__(**kwargs)
        self.windows = windows

    def call(self, x, numbers):
        batch, size, channels = ops.shape(x)
        x = ops.reshape(x, (batch // self.windows, self.windows, size, channels))
        x = x + ops.reshape(numbers, (-1, 1, 1))
        x = ops.reshape(x, (-1, size, channels))
        heads = ops.reshape(x, (batch, size, 2, channels // 2))
        heads = ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (-1, size, channels // 2))
        heads = ops.reshape(ops.softmax(heads, axis=1), (batch, 2, size, channels // 2))
        return ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (batch, size, channels))


class Windows(L.Layer):
    """Four windows of a half of the height and of the width."""

    def build(self, shape):
        self.inner = OfWindows(4)

    def call(self, x):
        batch, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (batch, 2, height // 2, 2, width // 2, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        numbers = ops.arange(4, dtype="float32")
        x = self.inner(ops.reshape(x, (-1, height * width // 4, channels)), numbers)
        x = ops.reshape(x, (batch, 2, 2, height // 2, width // 2, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (batch, height, width, channels))


class Drops(L.Layer):
    """A layer that reads the batch size and sides that may be of any size."""

    def call(self, x):
        batch, channels = ops.shape(x)[0], x.shape[-1]
        return ops.reshape(x, (batch, -1, channels))


def model_with(layer, shape=SHAPE):
    start = keras.Input(shape)
    x = L.BatchNormalization()(L.Conv2D(4, 1)(start))
    return randomize_norms(keras.Model(start, layer(x)))


def check(model):
    with unchanged(model):
        fused = keraslight.fuse(model)
    others = [layer for layer in fused.layers if not is_of_keras(layer)]
    assert not others
    shape = [8 if side is None else side for side in model.input_shape[1:]]
    assert relative_error(model, fused, images(3, *shape)) <= 1e-5
    # a saved model holds the weights
    assert len(fused.trainable_weights) >= len({id(w) for w in fused.trainable_weights})
    return fused


@pytest.mark.parametrize(
    ("layer", "kinds"),
    [
        (ScaleBias, ["Conv2D"]),
        (LayerScale, ["Conv2D"]),
        (Residual, ["Conv2D", "Conv2D", "Add"]),
        (lambda: OwnConv(5, 3, activation="relu"), ["Conv2D", "Conv2D", "ReLU", "Tanh"]),
        (OwnKernel, ["Conv2D", "Conv2D"]),
    ],
)
def test_what_is_linear_is_folded(layer, kinds):
    fused = check(model_with(layer()))
    assert [type(operation).__name__ for operation in fused.operations[1:]] == kinds


def test_class_tokens_and_positions(tmp_path):
    model = model_with(lambda x: L.Dense(3)(Tokens(name="tokens")(x)))
    fused = check(model)
    assert len(fused.trainable_weights) == 6  # they train
    fused.save(tmp_path / "fused.keras")
    x = images(2, *SHAPE)
    again = keras.saving.load_model(tmp_path / "fused.keras")
    np.testing.assert_array_equal(outputs(fused, x)[0], outputs(again, x)[0])


def test_sides_of_any_size():
    fused = check(model_with(Drops(), (None, None, 4)))
    assert fused.output_shape == (None, None, 4)


def test_several_inputs_and_outputs():
    first, second = keras.Input(SHAPE, name="a"), keras.Input(SHAPE, name="b")
    layer = Several()
    x = layer(L.BatchNormalization()(L.Conv2D(4, 1)(first)), second=second, scale=3.0)
    y = layer(x["sum"], x["first"])
    model = randomize_norms(keras.Model({"a": first, "b": second}, [y, x["half"]]))
    fused = keraslight.fuse(model)
    batch = {"a": images(2, *SHAPE), "b": images(2, *SHAPE, seed=1)}
    assert relative_error(model, fused, batch) <= 1e-5
    assert not any(isinstance(layer, Several) for layer in fused.layers)


def test_shared_and_nested_layers():
    inner = keras.Sequential([keras.Input(SHAPE), Residual(), ScaleBias()])
    layer = Residual()
    check(model_with(lambda x: layer(inner(layer(x)))))


def test_the_whole_way_to_int8(tmp_path):
    def layers(x):
        return OwnKernel()(L.ReLU()(ScaleBias()(Residual()(x))))

    fused = check(model_with(layers))
    quantized = quantized_of(fused)
    assert quantized.float_layers == []
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    assert tensor_types(path) <= {"INT8", "INT32"}
    x = images(4, *SHAPE)
    np.testing.assert_array_equal(
        outputs(keraslight.exact_model(quantized), x)[0],
        TFLiteRunner(path).predict(x),
    )


class Branches(L.Layer):
    """Two branches in training, one convolution at inference, of another library."""

    def build(self, shape):
        self.convs = [L.Conv2D(4, 3, padding="same") for _ in range(2)]
        for conv in self.convs:
            conv.build(shape)

    def call(self, x):
        return self.convs[0](x) + self.convs[1](x)


class WiderBranches(Branches):
    pass


def fused_conv(layer):
    conv = L.Conv2D(4, 3, padding="same")
    conv.build((None, None, None, 4))
    weights = zip(*(conv.get_weights() for conv in layer.convs), strict=True)
    conv.set_weights([sum(both) for both in weights])
    return conv


@pytest.fixture
def registered():
    keraslight.register_deploy(Branches, fused_conv)


@pytest.mark.parametrize("kind", [Branches, WiderBranches])
def test_registered_forms(registered, kind):
    layer = kind(name="block")
    model = model_with(lambda x: layer(layer(x)))
    with unchanged(model):
        fused = check(model)
    assert [layer.name for layer in fused.layers[2:]] == ["block", "block_2"]


def test_registered_functions():
    class Half(L.Layer):
        def call(self, x):
            return ops.while_loop(lambda i, y: i < 1, lambda i, y: (i + 1, y / 2), (0, x))[1]

    def half(x):
        return L.ReLU(name="positive")(x * 0.5) - L.ReLU(name="negative")(x * -0.5)

    keraslight.register_deploy(Half, lambda layer: half)
    fused = check(model_with(Half(name="half")))
    assert [layer.name for layer in fused.layers[2:]] == ["half_positive", "half_negative"]


def test_what_cannot_be_registered():
    with pytest.raises(ValueError, match="class of Keras layers"):
        keraslight.register_deploy(L.Conv2D(1, 1), fused_conv)
    with pytest.raises(ValueError, match="function of a layer"):
        keraslight.register_deploy(Branches, None)

    class Wrong(Branches):
        pass

    keraslight.register_deploy(Wrong, lambda layer: None)
    with pytest.raises(ValueError, match="must return a built layer"):
        keraslight.fuse(model_with(Wrong()))
    keraslight.register_deploy(Wrong, lambda layer: layer.convs[0])
    with pytest.raises(ValueError, match=r"registered for Wrong does not fit.*another function"):
        keraslight.fuse(model_with(Wrong()))
    assert registered_form(L.ReLU()) is None


def test_activations_of_others():
    fused = check(model_with(L.Activation(lambda x: keras.activations.gelu(x, approximate=False))))
    assert type(fused.operations[-1]) is operation_class("Gelu")


def test_layers_that_divide_the_batch():
    check(model_with(Windows()))


def test_constant_outputs_and_training_passed_in_vain():
    model = model_with(lambda x: Scores()(x, training=False)[0])
    assert all(is_of_keras(layer) for layer in check(model).layers)


class Opaque(L.Layer):
    def call(self, x):
        if isinstance(x, keras.KerasTensor):
            raise NotImplementedError("only numbers")
        return 2 * x


def test_a_layer_that_cannot_be_read_is_named():
    model = model_with(Opaque(name="odd_one"))
    fused = keraslight.fuse(model)
    assert type(fused.layers[-1]) is Opaque
    with pytest.raises(ValueError, match=r"'odd_one' of type Opaque.*`call`.*register_deploy"):
        keraslight.quantize_model(fused)
    assert keraslight.quantize_model(fused, unknown="float").float_layers == ["odd_one"]


class WithoutConfiguration(Opaque):
    def get_config(self):
        return {"size": self.no_such_size}


def test_a_layer_that_cannot_be_copied_is_named():
    with pytest.raises(ValueError, match=r"'odd' cannot be copied.*no_such_size.*register_deploy"):
        keraslight.fuse(model_with(WithoutConfiguration(name="odd")))
