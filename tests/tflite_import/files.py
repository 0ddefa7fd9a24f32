"""Makes .tflite files as others have them: by TensorFlow's converter, with drawn weights."""

import pathlib

import keras
import numpy as np

from keraslight.compat import tflite_converter, tflite_interpreter
from keraslight.export.concrete_function import concrete_function
from keraslight.graph.graph import trace

L = keras.layers
ops = keras.ops
SHAPE = (8, 8, 6)
PADS = [(0, 0), (1, 2), (2, 1), (0, 0)]
# files of `small_network` and `uint8_file`, which `python -m tests.tflite_import.files` makes anew
DATA = pathlib.Path(__file__).parent / "data"


def drawn(model, seed=0):
    """Draws all weights of a model."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0, 0.3, w.shape) + (w.ndim == 1) * 0.1 for w in model.get_weights()]
    model.set_weights([np.abs(w) if w.ndim == 1 else w for w in weights])
    return model


def branches(**functions):
    """Returns a model that applies each function to its input, for files with many outputs."""
    inputs = keras.Input(SHAPE, name="x")
    outputs = [function(inputs) for function in functions.values()]
    return drawn(keras.Model(inputs, outputs))


def linear_branches():
    return branches(
        conv=L.Conv2D(5, 3, 2, "same"),
        relu=L.Conv2D(5, 3, padding="valid", activation="relu"),
        relu6=L.Conv2D(5, 1, activation="relu6", use_bias=False),
        dilated=L.Conv2D(4, 3, dilation_rate=2, padding="same"),
        groups=L.Conv2D(4, 3, groups=2),
        depthwise=L.DepthwiseConv2D(3, padding="same"),
        multiplier=L.DepthwiseConv2D(3, 2, depth_multiplier=2),
        dense=lambda x: L.Dense(3)(L.Flatten()(x)),
        dense_of_channels=L.Dense(3, activation="relu"),
    )


def pointwise_branches():
    return branches(
        relu=L.ReLU(),
        relu6=L.ReLU(6.0),
        leaky=L.LeakyReLU(0.2),
        prelu=L.PReLU(shared_axes=[1, 2]),
        hard_swish=L.Activation("hard_silu"),
        sigmoid=L.Activation("sigmoid"),
        tanh=L.Activation("tanh"),
        swish=L.Activation("silu"),
        gelu=L.Activation("gelu"),
        softmax=L.Softmax(),
        hard_sigmoid=L.Activation("hard_sigmoid"),
        add=lambda x: x + L.ReLU()(x),
        subtract=lambda x: x - x[:, :, :, 1:2],
        multiply=lambda x: x * L.Activation("sigmoid")(x),
        constant=lambda x: x * np.linspace(0.5, 1, 6, dtype="float32") + 0.25,
    )


def moving_branches():
    return branches(
        maximum=lambda x: ops.maximum(x[..., :3], x[..., 3:]),
        max_pool=L.MaxPooling2D(2),
        average=L.AveragePooling2D(3, 2, "same"),
        mean=L.GlobalAveragePooling2D(keepdims=True),
        mean_of_channels=lambda x: ops.mean(x, axis=-1),
        pad=L.ZeroPadding2D(((0, 1), (2, 0))),
        concatenate=lambda x: L.Concatenate()([x, L.ReLU()(x)]),
        reshape=L.Reshape((16, 24)),
        transpose=L.Permute((2, 1, 3)),
        crop=L.Cropping2D(1),
        strides=lambda x: x[:, ::2, 1:, :],
        split=lambda x: ops.split(x, 2, axis=-1)[1],
        nearest=L.UpSampling2D(2),
        bilinear=L.UpSampling2D(2, interpolation="bilinear"),
        resize=L.Resizing(5, 11),
        transposed=L.Conv2DTranspose(4, 3, 2, "same"),
    )


def reordering_branches():
    return branches(
        stack=lambda x: ops.stack([x[..., 0], x[..., 1]], axis=-1),
        unstack=lambda x: ops.unstack(x[:, :, :2], axis=2)[1],
        pad_with_number=lambda x: ops.pad(x, PADS, constant_values=-0.5),
        mirror=lambda x: ops.pad(x, PADS, "reflect"),
        symmetric=lambda x: ops.pad(x, PADS, "symmetric"),
        flip=lambda x: ops.flip(L.Conv2D(4, 1)(x), 1),
        gather=lambda x: ops.take(x, np.array([3, 1, 1]), axis=-1),
        sparse=L.Conv2DTranspose(4, 2, 3),
        sparse_and_padded=L.Conv2DTranspose(4, 2, 3, "same"),
        rows=lambda x: L.Dense(5)(ops.reshape(x, (-1, 6))),
    )


def combining_branches():
    return branches(
        sum=lambda x: ops.sum(x, axis=(1, 2)),
        largest=lambda x: ops.max(x, axis=(1, 2)),
        smallest=lambda x: ops.min(x, axis=-1),
        minimum_of_number=lambda x: ops.minimum(x, 0.3),
        absolute=ops.abs,
        absolute_in_other_range=lambda x: L.Concatenate()([ops.abs(x), x]),
        root=lambda x: ops.sqrt(L.ReLU()(x) + 0.5),
        logarithm=lambda x: ops.log(L.ReLU()(x) + 0.5),
        squared_difference=lambda x: ops.square(x - L.ReLU()(x)),
        quotient=lambda x: x / (L.ReLU()(x) + 1),
        product=lambda x: ops.matmul(x[:, 0], ops.swapaxes(x[:, 1], 1, 2)),
        attention=lambda x: L.Attention()([x[:, 0], x[:, 1]]),
        selected=lambda x: ops.where(x > x[..., :1], x, x[..., 1:2]),
    )


def float_branches():
    """What the converter leaves in float32 between int8 operators."""
    return branches(
        cumulative_sum=lambda x: ops.cumsum(x, axis=1),
        negative=ops.negative,
        power=lambda x: ops.power(L.ReLU()(x), 2.3),
    )


BRANCHES = {
    "linear": linear_branches,
    "pointwise": pointwise_branches,
    "moving": moving_branches,
    "reordering": reordering_branches,
    "combining": combining_branches,
    "float": float_branches,
}


def small_network():
    """Returns a mobile network in small, with every kind of branch."""
    inputs = x = keras.Input((16, 16, 3), name="images")
    x = L.Conv2D(8, 3, 2, "same", activation="relu6")(x)
    y = L.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    x = L.Concatenate()([L.Add()([x, L.Conv2D(8, 1)(y)]), y])
    x = L.Multiply()([x, L.Conv2D(16, 1, activation="sigmoid")(x)])
    x = L.Conv2D(24, 3, activation="relu")(L.ZeroPadding2D(1)(x))
    x = L.GlobalAveragePooling2D()(L.AveragePooling2D(2)(x))
    return drawn(keras.Model(inputs, L.Dense(10)(x)))


def converted(model, path, io="int8", quantized=True):
    """Writes the file that TensorFlow's converter makes of a model with drawn calibration data.

    Args:
        model: the model.
        path: where to write it.
        io: the type of inputs and outputs, `None` for floats.
        quantized: whether to quantize at all.
    """
    shape = (1, *model.inputs[0].shape[1:])
    return _converted(concrete_function(trace(model), [shape]), shape, path, io, quantized)


def of_function(function, path, io="int8"):
    """Writes the int8 file of a function of TensorFlow, of one tensor of `SHAPE`."""
    import tensorflow as tf

    spec = tf.TensorSpec((1, *SHAPE), "float32")
    concrete = tf.function(function, autograph=False).get_concrete_function(spec)
    return _converted(concrete, (1, *SHAPE), path, io)


def _converted(concrete, shape, path, io, quantized=True):
    import tensorflow as tf

    rng = np.random.default_rng(1)
    converter = tflite_converter(concrete)
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        batches = [[rng.normal(0, 1, shape).astype("float32")] for _ in range(4)]
        converter.representative_dataset = lambda: batches
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if io is not None:
            converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io)
    path.write_bytes(converter.convert())
    return path


def converted_by_first_tensorflow(path, network, stats):
    """Writes a uint8 file as TensorFlow 1 made them of quantization-aware training.

    Args:
        path: where to write it.
        network: function that returns the input and the outputs in a graph.
        stats: the mean and the standard deviation of the input, in codes.
    """
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        inputs, outputs = network()
        converter = tf.compat.v1.lite.TFLiteConverter.from_session(session, [inputs], outputs)
        converter.inference_type = converter.inference_input_type = tf.uint8
        converter.quantized_input_stats = {"input": stats}
        path.write_bytes(converter.convert())
    return path


def uint8_branches(path):
    """Writes a uint8 file with operators that int8 files do not have, or compute otherwise."""
    import tensorflow as tf

    quantize = tf.quantization.fake_quant_with_min_max_args

    def network():
        inputs = tf.compat.v1.placeholder(tf.float32, (1, *SHAPE), name="input")
        x = quantize(inputs, -3, 7)
        relu = quantize(tf.nn.relu(x), 0, 5)
        relu6 = quantize(tf.nn.relu6(x), 0, 6)
        joined = quantize(tf.concat([x, relu, relu6], -1), -3, 7)
        pooled = tf.nn.max_pool2d(joined, 2, 2, "SAME")
        resized = tf.compat.v1.image.resize_bilinear(x, (11, 5), align_corners=True)
        return inputs, [relu, pooled, tf.nn.sigmoid(x), resized]

    return converted_by_first_tensorflow(path, network, (76.5, 25.5))


def uint8_file(path, size=16, channels=8, seed=0):
    """Writes a file as TensorFlow 1 made them of quantization-aware training: all uint8."""
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    nn, quantize = tf.nn, tf.quantization.fake_quant_with_min_max_args

    def kernel(*shape):
        values = rng.normal(0.02, 0.2, shape).astype("float32")
        return quantize(tf.constant(values), float(values.min()), float(values.max()))

    def bias(x):
        return nn.bias_add(x, rng.normal(0, 0.1, x.shape[-1]).astype("float32"))

    def network():
        inputs = tf.compat.v1.placeholder(tf.float32, (1, size, size, 3), name="input")
        x = quantize(inputs, -1, 1)
        x = nn.conv2d(x, kernel(3, 3, 3, channels), 2, "SAME")
        x = quantize(nn.relu6(bias(x)), 0, 6)
        y = nn.depthwise_conv2d(x, kernel(3, 3, channels, 1), [1] * 4, "SAME")
        y = quantize(nn.relu6(bias(y)), 0, 6)
        y = quantize(bias(nn.conv2d(y, kernel(1, 1, channels, channels), 1, "SAME")), -4, 5)
        x = quantize(x + y, -3, 9)
        x = nn.avg_pool2d(x, size // 2, 1, "VALID")
        x = quantize(bias(nn.conv2d(x, kernel(1, 1, channels, 10), 1, "SAME")), -2, 2)
        return inputs, [tf.nn.softmax(tf.squeeze(x, [1, 2]))]

    return converted_by_first_tensorflow(path, network, (127.5, 127.5))


def run(path, count=4, seed=0):
    """Runs a file on drawn inputs of its whole range.

    Returns:
        The real inputs, a list of arrays, and the real outputs.
    """
    interpreter = tflite_interpreter(path.read_bytes())
    rng = np.random.default_rng(seed)
    inputs, outputs = [], []
    for _ in range(count):
        given = []
        for details in interpreter.get_input_details():
            shape = details["shape"]
            colour = rng.uniform(-1, 1, [shape[0], *[1] * (len(shape) - 2), shape[-1]])
            values = (colour + rng.uniform(-1, 1, shape)) / 2
            if np.issubdtype(details["dtype"], np.integer):
                limits = np.iinfo(details["dtype"])
                values = np.round((values + 1) / 2 * (limits.max - limits.min) + limits.min)
            values = values.astype(details["dtype"])
            interpreter.set_tensor(details["index"], values)
            given.append(_real(values, details))
        interpreter.invoke()
        inputs.append(given)
        outputs.append(
            [_real(interpreter.get_tensor(d["index"]), d) for d in interpreter.get_output_details()]
        )
    return [
        [np.concatenate(arrays) for arrays in zip(*rows, strict=True)] for rows in (inputs, outputs)
    ]


def _real(values, details):
    scale, zero_point = details["quantization"]
    return (values.astype("float32") - zero_point) * np.float32(scale) if scale else values


if __name__ == "__main__":
    converted(small_network(), DATA / "int8.tflite")
    converted(small_network(), DATA / "float.tflite", quantized=False)
    uint8_file(DATA / "uint8.tflite")
