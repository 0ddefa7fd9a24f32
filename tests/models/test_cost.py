"""What models cost: multiply-adds, and the table that compares them."""

import keras
import numpy as np
import pytest

import keraslight

L = keras.layers
ops = keras.ops
KERNEL = np.zeros((3, 3, 4, 8), "float32")


@pytest.mark.parametrize(
    ("function", "macs"),
    [
        (L.Conv2D(8, 3), 4 * 4 * 8 * 9 * 4),
        (L.Conv2D(8, 3, groups=2), 4 * 4 * 8 * 9 * 2),
        (L.DepthwiseConv2D(3, depth_multiplier=2), 4 * 4 * 8 * 9),
        (L.SeparableConv2D(8, 3, depth_multiplier=2), 4 * 4 * 8 * (9 + 8)),
        (L.Conv2DTranspose(8, 3, 2), 6 * 6 * 4 * 9 * 8),
        (L.Dense(8), 6 * 6 * 8 * 4),
        (L.EinsumDense("bhwc,cd->bhwd", (6, 6, 8)), 6 * 6 * 8 * 4),
        (lambda x: ops.conv(x, KERNEL), 4 * 4 * 8 * 9 * 4),
        (lambda x: ops.depthwise_conv(x, KERNEL), 4 * 4 * 32 * 9),
        (lambda x: ops.separable_conv(x, KERNEL, np.zeros((1, 1, 32, 5))), 16 * 32 * 14),
        (lambda x: ops.conv_transpose(x, np.zeros((3, 3, 8, 4)), 2), 6 * 6 * 4 * 9 * 8),
        (lambda x: ops.matmul(x, np.zeros((4, 5))), 6 * 6 * 5 * 4),
        (lambda x: ops.einsum("nhwc,cd->nhwd", x, np.zeros((4, 5))), 6 * 6 * 5 * 4),
        (lambda x: ops.einsum("...c,cd", x, np.zeros((4, 5))), 6 * 6 * 5 * 4),
        (lambda x: L.Dot(-1)(2 * [L.Reshape((36, 4))(x)]), 36 * 36 * 4),
        (lambda x: L.Dot((1, 2))([L.Reshape((36, 4))(x), L.Reshape((4, 36))(x)]), 4 * 4 * 36),
        (L.MaxPooling2D(), 0),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else type(value).__name__,
)
def test_multiply_adds_of_one_operation(function, macs):
    x = keras.Input((6, 6, 4))
    assert keraslight.count_macs(keras.Model(x, function(x))) == macs


def test_a_layer_with_the_name_of_a_convolution_is_none():
    class Conv2D(L.Layer):
        def call(self, inputs):
            return inputs

    model = keras.Sequential([keras.Input((6, 6, 4)), Conv2D()])
    assert keraslight.count_macs(model) == 0


def test_igcv2_counts_its_factors():
    """Two factors of 4 in 16 channels, and a depthwise 3x3."""
    layer = keraslight.layers.IGCV2Conv2D((4, 4))
    model = keras.Sequential([keras.Input((6, 6, 16)), layer])
    assert keraslight.count_macs(model) == 6 * 6 * 16 * (9 + 4 + 4)


def test_refco_counts_one_pair_of_factors():
    """64 channels in windows of 8 with 4 hidden values, which reach 16 outputs each."""
    layer = keraslight.layers.RefCO(64, window=8)
    model = keras.Sequential([keras.Input((6, 6, 64)), layer])
    assert keraslight.count_macs(model) == 6 * 6 * (64 * 4 + 64 * 8)


def test_a_quantized_model_costs_what_its_original_does():
    x = keras.Input((6, 6, 4))
    y = L.DepthwiseConv2D(3)(L.Conv2D(8, 3, groups=2)(x))
    y = L.SeparableConv2D(4, 3, padding="same")(L.Conv2DTranspose(8, 3, 2)(y))
    model = keras.Model(x, L.Dense(3)(L.GlobalAveragePooling2D()(y)))
    quantized = keraslight.quantize_model(model)
    assert keraslight.count_macs(quantized) == keraslight.count_macs(model) > 0


def test_macs_of_a_model_that_takes_a_list():
    start = keras.Input((None, None, 3))
    model = keras.Model([start], L.Conv2D(4, 3)(start))
    assert keraslight.count_macs(model, (9, 9, 3)) == 7 * 7 * 3 * 3 * 3 * 4
    with pytest.raises(ValueError, match=r"pass input_shape=\(height, width, channels\)"):
        keraslight.count_macs(model)


def test_summary_table():
    model = keras.Sequential(
        [keras.Input((6, 6, 4)), keraslight.layers.RepVGGBlock(4)], name="block"
    )
    table = keraslight.summary_table(model, model, keraslight.fuse(model)).splitlines()
    assert [row.split("|")[1].strip() for row in table[2:]] == ["block", "block", "block_fused"]
