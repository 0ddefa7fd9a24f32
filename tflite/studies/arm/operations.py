"""One model for every operation of int8: a table of what runs by itself."""

from collections.abc import Callable

import keras
import numpy as np

L, ops = keras.layers, keras.ops
SHAPE = (11, 11, 8)
KERNEL = np.random.default_rng(0).normal(0, 0.2, (3, 3, 8, 4)).astype("float32")


def _other(x):
    """Another tensor of the same shape and of another range."""
    return L.Conv2D(8, 1)(x)


def _words(x):
    """A tensor of the shape (positions, channels)."""
    return L.Reshape((121, 8))(x)


def _heads(x):
    """A tensor of the shape (positions, heads, channels)."""
    return L.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de")(_words(x))


OPERATIONS: dict[str, Callable] = {
    "absolute": lambda x: ops.abs(x),
    "adaptive_average_pooling": lambda x: L.AdaptiveAveragePooling2D((3, 4))(x),
    "adaptive_max_pooling": lambda x: L.AdaptiveMaxPooling2D((3, 2))(x[:, :6, :6]),
    "add": lambda x: L.Add()([x, _other(x)]),
    "add_constant": lambda x: x + np.linspace(-1, 1, 8, dtype="float32"),
    "add_relu": lambda x: L.ReLU()(L.Add()([x, _other(x)])),
    "attention": lambda x: ops.dot_product_attention(_heads(x), _heads(x), _heads(x)),
    "average_pooling": lambda x: L.AveragePooling2D(3, 2, "same")(x),
    "batch_normalization": lambda x: L.BatchNormalization()(L.MaxPooling2D(2)(x)),
    "concatenate": lambda x: L.Concatenate()([x, _other(x)]),
    "constant": lambda x: x + ops.ones_like(x),
    "conv": lambda x: L.Conv2D(6, 3, 2, "same")(x),
    "conv_1d": lambda x: L.Conv1D(6, 3)(_words(x)),
    "conv_dilated": lambda x: L.Conv2D(6, 3, dilation_rate=2)(x),
    "conv_grouped": lambda x: L.Conv2D(16, 3, groups=4)(x),
    "conv_of_many_inputs": lambda x: L.Conv2D(6, 5)(L.Conv2D(64, 1)(x)),
    "conv_of_constant": lambda x: ops.conv(x, KERNEL, padding="same"),
    "conv_transpose": lambda x: L.Conv2DTranspose(4, 2, 2)(x),
    "conv_transpose_1d": lambda x: L.Conv1DTranspose(4, 3, 2)(_words(x)),
    "crop": lambda x: L.Cropping2D(((1, 2), (3, 0)))(x),
    "dense": lambda x: L.Dense(5)(L.Flatten()(x)),
    "dense_of_images": lambda x: L.Dense(5)(x),
    "depthwise": lambda x: L.DepthwiseConv2D(3, 2)(x),
    "depthwise_1d": lambda x: L.DepthwiseConv1D(3)(_words(x)),
    "depthwise_multiplier": lambda x: L.DepthwiseConv2D(2, depth_multiplier=2)(x),
    "divide": lambda x: x / (1 + L.Activation("sigmoid")(_other(x))),
    "divide_by_constant": lambda x: x / np.linspace(1, 2, 8, dtype="float32"),
    "einsum": lambda x: ops.einsum("abhd,achd->abch", _heads(x), _heads(x)),
    "elu": lambda x: L.ELU()(x),
    "exponential": lambda x: ops.exp(x),
    "extract_patches": lambda x: ops.image.extract_patches(x, (2, 2)),
    "flip": lambda x: ops.flip(x, axis=2),
    "gate": lambda x: L.Multiply()([x, L.Conv2D(8, 1, activation="sigmoid")(x)]),
    "gelu": lambda x: L.Activation("gelu")(x),
    "global_average_pooling": lambda x: L.GlobalAveragePooling2D()(x),
    "global_max_pooling": lambda x: L.GlobalMaxPooling2D()(x),
    "group_normalization": lambda x: L.GroupNormalization(4)(x),
    "hard_sigmoid": lambda x: L.Activation("hard_sigmoid")(x),
    "hard_silu": lambda x: L.Activation("hard_silu")(x),
    "layer_normalization": lambda x: L.LayerNormalization()(x),
    "leaky_relu": lambda x: L.LeakyReLU(0.1)(x),
    "linear": lambda x: L.Activation("linear")(x),
    "matmul": lambda x: ops.matmul(_words(x), ops.swapaxes(_words(_other(x)), 1, 2)),
    "max_pooling": lambda x: L.MaxPooling2D(3, 2, "same")(x),
    "maximum": lambda x: ops.maximum(x, _other(x)),
    "mean_of_channels": lambda x: ops.mean(x, axis=-1, keepdims=True),
    "minimum_of_number": lambda x: ops.minimum(x, 0.4),
    "mish": lambda x: L.Activation("mish")(x),
    "negative": lambda x: -x,
    "normalization": lambda x: L.Normalization(mean=0.3, variance=2.0)(x),
    "pad": lambda x: L.ZeroPadding2D(2)(x),
    "pad_of_mirror": lambda x: ops.pad(x, ((0, 0), (1, 2), (3, 0), (0, 0)), "reflect"),
    "power": lambda x: x**3,
    "prelu": lambda x: L.PReLU(keras.initializers.RandomUniform(0.1, 0.4), shared_axes=(1, 2))(x),
    "reciprocal": lambda x: 1 / (1 + L.Activation("sigmoid")(x)),
    "relu": lambda x: L.ReLU()(L.Concatenate()([x, x])),
    "relu6": lambda x: L.ReLU(6)(L.GlobalAveragePooling2D()(8 * x)),
    "relu_of_other_arguments": lambda x: L.ReLU(2.0, 0.1, 0.3)(x),
    "rescaling": lambda x: L.Rescaling(1 / 3, -0.5)(x),
    "resize_bicubic": lambda x: ops.image.resize(x, (15, 14), interpolation="bicubic"),
    "resize_bilinear": lambda x: L.Resizing(17, 14)(x),
    "resize_nearest": lambda x: L.Resizing(17, 14, interpolation="nearest")(x),
    "rms_normalization": lambda x: L.RMSNormalization()(x),
    "root": lambda x: ops.sqrt(ops.abs(x)),
    "separable": lambda x: L.SeparableConv2D(4, 3)(x),
    "separable_1d": lambda x: L.SeparableConv1D(4, 3)(_words(x)),
    "sigmoid": lambda x: L.Activation("sigmoid")(x),
    "silu": lambda x: L.Activation("silu")(x),
    "sine": lambda x: ops.sin(x),
    "slice": lambda x: x[:, 2:9, :, 3:7],
    "softmax": lambda x: L.Softmax()(L.Dense(5)(L.Flatten()(x))),
    "split": lambda x: ops.split(x, 2, axis=-1)[1],
    "square": lambda x: ops.square(x),
    "subtract": lambda x: L.Subtract()([x, _other(x)]),
    "sum": lambda x: ops.sum(x, axis=(1, 2)),
    "take": lambda x: ops.take(x, [1, 5, 2], axis=-1),
    "tanh": lambda x: L.Activation("tanh")(x),
    "tensordot": lambda x: ops.tensordot(x, KERNEL[0, 0], axes=1),
    "transpose": lambda x: L.Permute((2, 1, 3))(x),
    "unit_normalization": lambda x: L.UnitNormalization()(x),
    "unstack": lambda x: ops.unstack(x, axis=1)[3],
    "up_sampling": lambda x: L.UpSampling2D(2)(x),
}


def operation(name: str) -> keras.Model:
    """Returns a model of one operation behind a convolution."""
    start = keras.Input(SHAPE)
    model = keras.Model(start, OPERATIONS[name](L.Conv2D(8, 1)(start)))
    for weight in model.weights:
        if weight.path.endswith("bias"):
            weight.assign(np.linspace(-0.3, 0.3, np.prod(weight.shape)).reshape(weight.shape))
    return model
