"""exact_model(): the output of the int8 file bit for bit, for every kind of layer."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keraslight
from keraslight.quantization.integers import Grid, Sums
from keraslight.quantization.linear import bias_step
from keraslight.tflite.runner import TFLiteRunner
from tests.export.files import operations, tensor_types
from tests.helpers import images, outputs
from tests.quantization.ops.checks import run_file
from tests.quantization.small_models import BLOCKS, build

L = keras.layers
SHAPE = (11, 11, 8)


def two(x):
    """Two tensors of different ranges."""
    return L.Conv2D(8, 1)(x), L.Conv2D(8, 1, activation="relu")(x)


def gated(x):
    gate = L.GlobalAveragePooling2D(keepdims=True)(x)
    return L.Multiply()([x, L.Conv2D(8, 1, activation="sigmoid")(gate)])


def read_twice(x):
    y = L.Conv2D(8, 1)(x)
    return L.Add()([L.ReLU()(y), y])


def grown(x):
    """A concatenation of concatenations, as VGNet's."""
    a, b = two(x)
    c = L.Concatenate()([a, b])
    return L.Concatenate()([c[..., 4:12], L.DepthwiseConv2D(3, padding="same")(c)])


ACTIVATIONS = (
    "relu",
    "relu6",
    "sigmoid",
    "tanh",
    "silu",
    "hard_sigmoid",
    "hard_silu",
    "gelu",
)
MODELS = {
    "conv": lambda x: L.Conv2D(6, 3, 2, "same")(x),
    "conv_without_bias": lambda x: L.Conv2D(6, 3, use_bias=False)(x),
    "conv_of_many_inputs": lambda x: L.Conv2D(6, 5)(L.Conv2D(64, 1)(x)),
    "conv_dilated": lambda x: L.Conv2D(6, 3, dilation_rate=2)(x),
    "conv_grouped": lambda x: L.Conv2D(16, 3, groups=4)(x),
    "depthwise": lambda x: L.DepthwiseConv2D(3, 2)(L.ZeroPadding2D(1)(x)),
    "depthwise_multiplier": lambda x: L.DepthwiseConv2D(2, 2, depth_multiplier=2)(x),
    "dense": lambda x: L.Dense(5)(L.Flatten()(x)),
    "dense_of_images": lambda x: L.Dense(5, activation="relu")(x),
    "softmax": lambda x: L.Softmax()(L.Dense(5)(L.Flatten()(x))),
    "add": lambda x: L.Add()(two(x)),
    "add_relu": lambda x: L.ReLU()(L.Add()(two(x))),
    "add_one_twice": lambda x: L.Add()([two(x)[0]] * 2),
    "subtract": lambda x: L.Subtract()(two(x)),
    "multiply": lambda x: L.Multiply()(two(x)),
    "gate": gated,
    "global_average_pooling_relu": lambda x: L.ReLU()(L.GlobalAveragePooling2D()(x)),
    "global_average_pooling_relu6": lambda x: L.ReLU(6)(L.GlobalAveragePooling2D(keepdims=True)(x)),
    "max_pooling_relu6": lambda x: L.ReLU(6)(L.MaxPooling2D(2)(x)),
    "concat_relu": lambda x: L.ReLU()(L.Concatenate()(two(x))),
    "transpose_relu": lambda x: L.ReLU()(L.Conv2DTranspose(4, 2, 2)(x)),
    "transpose_with_relu": lambda x: L.Conv2DTranspose(4, 2, 2, activation="relu")(x),
    "separable_relu": lambda x: L.ReLU()(L.SeparableConv2D(4, 3)(x)),
    "permuted_relu": lambda x: L.ReLU()(L.Permute((3, 1, 2))(L.Conv2D(4, 1)(x))),
    "moved_relu6": lambda x: L.ReLU(6)(L.Reshape((11, 88))(L.Permute((2, 1, 3))(x))),
    "multiply_relu": lambda x: L.ReLU()(L.Multiply()(two(x))),
    "relu_read_twice": read_twice,
    "concat": lambda x: L.Concatenate()(two(x)),
    "concat_of_slices": grown,
    "average_pooling": lambda x: L.AveragePooling2D(2)(x),
    "average_pooling_padded": lambda x: L.AveragePooling2D(3, 2, "same")(x),
    "global_average_pooling": lambda x: L.GlobalAveragePooling2D()(x),
    "max_pooling": lambda x: L.MaxPooling2D(3, 2, "same")(x),
    "global_max_pooling": lambda x: L.GlobalMaxPooling2D()(x),
    "padding": lambda x: L.Conv2D(4, 3)(L.ZeroPadding2D(((1, 0), (0, 1)))(x)),
    "cropping": lambda x: L.Cropping2D(((1, 2), (3, 0)))(x),
    "slicing": lambda x: L.Conv2D(4, 1)(L.Conv2D(8, 1)(x)[:, 2:9, :, 3:7]),
    "reshape": lambda x: L.Reshape((11, 88))(x),
    "permute": lambda x: L.Permute((2, 1, 3))(x),
    "shuffle": lambda x: L.Reshape(SHAPE)(L.Permute((1, 2, 4, 3))(L.Reshape((11, 11, 2, 4))(x))),
    "upsampling": lambda x: L.UpSampling2D(2)(x),
    "rescaling": lambda x: L.Conv2D(4, 1)(L.Rescaling(1 / 3, -0.5)(x)),
    "rescaling_per_channel": lambda x: L.Rescaling(1, list(range(8)))(x),
    **{name: lambda x, name=name: L.Activation(name)(x) for name in ACTIVATIONS},
    **{
        f"conv_{name}": lambda x, name=name: L.Conv2D(8, 1, activation=name)(x)
        for name in ("relu6", "silu", "hard_silu", "tanh")
    },
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """All layers side by side in one file: the outputs of the exact model and of the file."""
    start = keras.Input(SHAPE)
    # what a layer reads is no input of the model, whose rounding is another
    ends = [make(L.Conv2D(8, 1)(start)) for make in MODELS.values()]
    model = keras.Model(start, ends)
    for weight in model.weights:
        if weight.path.endswith("bias"):
            weight.assign(np.linspace(-0.3, 0.3, weight.shape[0]))
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [images(6, *SHAPE)], bias_correction=False, verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path_factory.mktemp("exact") / "m.tflite")
    assert tensor_types(path) <= {"INT8", "INT32"}
    x = 1.2 * images(1, *SHAPE, seed=1)  # so that values are cut off
    exact = outputs(keraslight.exact_model(quantized), x)
    simulated = outputs(quantized, x)
    in_training = keras.tree.flatten(quantized(x, training=True))
    computed = zip(exact, simulated, in_training, run_file(path, x), strict=True)
    return dict(zip(MODELS, computed, strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_layer(name, compared):
    *computed, received = compared[name]
    for outputs_in_keras in computed:
        np.testing.assert_array_equal(outputs_in_keras, received)
    assert len(np.unique(received)) > 2


@pytest.mark.parametrize("family", BLOCKS)
def test_family(family, tmp_path):
    model = keraslight.fuse(build(family))
    x = images(8, *model.input_shape[1:])
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [x], bias_correction=False, verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    assert tensor_types(path) <= {"INT8", "INT32"}
    assert "QUANTIZE" not in operations(path)
    exact = outputs(keraslight.exact_model(quantized), 1.2 * x)[0]
    np.testing.assert_array_equal(exact, TFLiteRunner(path).predict(1.2 * x))


def test_biases_between_two_steps(tmp_path):
    """A last bit of float32 decides how they are rounded: the file must have the same."""
    start = keras.Input((4, 4, 8))
    model = keras.Model(start, L.Conv2D(512, 1, name="conv")(start))
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [images(6, 4, 4, 8)], bias_correction=False, verbose=0)
    layer = quantized.get_layer("conv")
    step = bias_step(
        np.asarray(quantized.quantizers[0].range, "float32"),
        np.abs(np.asarray(layer.kernel)).max(axis=(0, 1, 2)),
    )
    layer.bias.assign((97 * np.arange(512) + 0.5) * np.float64(step))
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    interpreter = Interpreter(str(path))
    (index,) = (
        tensor["index"]
        for tensor in interpreter.get_tensor_details()
        if tensor["dtype"] == np.int32 and tuple(tensor["shape"]) == (512,)
    )
    expected = np.round(np.asarray(layer.bias) / step)
    np.testing.assert_array_equal(interpreter.get_tensor(index), expected)


def test_a_graph_computes_the_same_bits():
    """Graph optimizers could change the last bit of a factor, and so some of 8 million sums."""
    rng = np.random.default_rng(0)
    kernel_scale = keras.Variable(rng.uniform(4e-3, 4e-2, 1000).astype("float32"))
    sums = np.repeat(np.arange(-4000, 4000, dtype="float32")[:, None], 1000, axis=1)
    grid = Grid.of(-3.1, 4.7)

    class Rounding(keras.Model):
        def call(self, x):
            scale = keras.ops.convert_to_tensor(kernel_scale)
            return Sums("convolution", x, (np.float32(0.0123), scale)).rounded(grid).steps

    model = Rounding()
    model.jit_compile = keras.backend.backend() != "tensorflow"
    in_graph = model.predict(sums, batch_size=len(sums), verbose=0)
    np.testing.assert_array_equal(in_graph, outputs(model, sums)[0])


def test_every_function_computes_in_a_graph():
    """Some ask what the function is of a number, which a graph does not say."""
    start = keras.Input((4, 4, 8))
    ends = [function(start) for function in (L.LeakyReLU(0.3), L.ELU(), keras.ops.abs)]
    quantized = keraslight.quantize_model(keras.Model(start, ends))
    x = images(2, 4, 4, 8)
    exact = keraslight.exact_model(keraslight.calibrate(quantized, [x], verbose=0))
    for found, expected in zip(exact.predict(x, verbose=0), outputs(exact, x), strict=True):
        np.testing.assert_array_equal(found, expected)
