"""Every layer: config round trip, shapes, one training step, mixed precision, bad arguments."""

from typing import NamedTuple

import keras
import numpy as np
import pytest

import keraslight
from keraslight import layers as kl
from keraslight.layers.edge_depthwise_conv2d import BANKS
from tests.helpers import images, randomize, relative_error

IMAGE = (2, 9, 8, 16)


class Case(NamedTuple):
    """One layer to test.

    Attributes:
        layer: the class.
        config: its arguments.
        trainable: the number of trainable weights.
        inputs: the shapes of the inputs.
        outputs: the shapes of the outputs; `None`: those of the inputs.
    """

    layer: type
    config: dict
    trainable: int
    inputs: list = [IMAGE]  # noqa: RUF012
    outputs: list | None = None

    @property
    def expected(self):
        return self.inputs if self.outputs is None else self.outputs

    def symbolic(self, sizes=None):
        """Returns inputs of given or of the case's own sizes."""
        return [keras.Input((*(sizes or shape[1:3]), shape[-1])) for shape in self.inputs]

    def drawn(self):
        """Returns random inputs."""
        return [images(*shape) for shape in self.inputs]


CASES = [
    Case(kl.GaussianDepthwiseConv2D, {"strides": 2}, outputs=[(2, 5, 4, 16)], trainable=0),
    Case(kl.GaussianDepthwiseConv2D, {"sigma": 1.1, "alternate_sign": True}, trainable=0),
    Case(kl.EdgeDepthwiseConv2D, {"kernels": "edge"}, inputs=[(2, 9, 8, 6)], trainable=0),
    Case(kl.EdgeDepthwiseConv2D, {"strides": 2}, outputs=[(2, 5, 4, 16)], trainable=0),
    Case(kl.SharedDepthwiseConv2D, {"repeats": 4}, trainable=1),
    Case(kl.ConvActNorm, {"filters": 6}, outputs=[(2, 9, 8, 6)], trainable=3),
    Case(
        kl.ConvActNorm,
        {"filters": 6, "kernel_size": 3, "strides": 2},
        outputs=[(2, 5, 4, 6)],
        trainable=3,
    ),
    Case(kl.SqueezeExcite, {"filters": 4, "activation": "silu"}, trainable=4),
    Case(kl.Pointwise, {"filters": 6, "se_ratio": 0.25}, outputs=[(2, 9, 8, 6)], trainable=7),
    Case(
        kl.DownsamplingBlock, {"filters": 32}, outputs=[(2, 5, 4, 16), (2, 5, 4, 16)], trainable=3
    ),
    Case(
        kl.DownsamplingBlock, {"filters": 40}, outputs=[(2, 5, 4, 20), (2, 5, 4, 20)], trainable=3
    ),
    Case(kl.DownsamplingBlock, {"filters": 8}, outputs=[(2, 5, 4, 4), (2, 5, 4, 4)], trainable=3),
    Case(
        kl.DownsamplingBlock,
        {"filters": 24, "strides": 1, "downsampling": "learned"},
        outputs=[(2, 9, 8, 12), (2, 9, 8, 12)],
        trainable=4,
    ),
    Case(kl.HalfIdentityBlock, {}, inputs=[IMAGE, IMAGE], trainable=4),
    Case(
        kl.HalfIdentityBlock,
        {"kernels": "edge", "se_ratio": 0.25},
        inputs=[IMAGE, IMAGE],
        trainable=9,
    ),
    Case(kl.SeparableBlock, {"kernels": "edge", "se_ratio": 0.25}, trainable=9),
    Case(kl.RepVGGBlock, {"filters": 16}, trainable=8),
    Case(
        kl.RepVGGBlock,
        {"filters": 8, "strides": 2, "se_ratio": 0.25},
        outputs=[(2, 5, 4, 8)],
        trainable=10,
    ),
    Case(
        kl.RepVGGBlock,
        {"filters": 16, "groups": 4, "se_ratio": 0.125, "se_after": True},
        trainable=12,
    ),
    Case(kl.RepVGGBlock, {"filters": 16, "fused": True}, trainable=2),
    Case(kl.QARepVGGBlock, {"filters": 16}, trainable=6),
    Case(kl.QARepVGGBlock, {"filters": 8, "strides": 2}, outputs=[(2, 5, 4, 8)], trainable=6),
    Case(kl.MobileOneBlock, {"branches": 2}, trainable=11),
    Case(
        kl.MobileOneBlock,
        {"filters": 8, "kernel_size": 1, "strides": 2, "se_ratio": 0.25},
        outputs=[(2, 5, 4, 8)],
        trainable=7,
    ),
    Case(
        kl.ConvNormAct,
        {"filters": 6, "kernel_size": 3, "strides": 2, "activation": "relu"},
        outputs=[(2, 5, 4, 6)],
        trainable=3,
    ),
    Case(kl.UniversalInvertedBottleneck, {"filters": 16, "start": 5}, trainable=12),
    Case(
        kl.UniversalInvertedBottleneck,
        {"filters": 8, "expansion": 2, "start": 3, "middle": None, "strides": 2},
        outputs=[(2, 5, 4, 8)],
        trainable=9,
    ),
    Case(kl.RepViTMixer, {"se_ratio": 0.5}, trainable=11),
    Case(
        kl.DistilledDense,
        {"units": 5, "activation": "softmax"},
        outputs=[(2, 9, 8, 5)],
        trainable=8,
    ),
    Case(
        kl.DistilledDense, {"units": 5, "separate": True}, outputs=2 * [(2, 9, 8, 5)], trainable=8
    ),
    Case(kl.SqueezeExcite, {"filters": 4, "gate_activation": "hard_sigmoid"}, trainable=4),
    Case(kl.RepGhostMixer, {"activation": "relu"}, trainable=5),
    Case(
        kl.RepGhostBottleneck,
        {"filters": 8, "hidden": 12, "strides": 2, "se_ratio": 0.25},
        outputs=[(2, 5, 4, 8)],
        trainable=29,
    ),
    Case(kl.RepGhostBottleneck, {"filters": 16, "hidden": 8}, trainable=16),
    Case(
        kl.MultiSizeDepthwise,
        {"kernel_sizes": (5, 3, 1), "strides": 2},
        outputs=[(2, 5, 4, 16)],
        trainable=9,
    ),
    Case(
        kl.LCNetV2Block,
        {"filters": 16, "kernel_sizes": (5, 3, 1), "bottleneck": 8, "residual": True},
        trainable=15,
    ),
    Case(
        kl.LCNetV2Block,
        {"filters": 8, "strides": 2, "se_ratio": 0.5},
        outputs=[(2, 5, 4, 8)],
        trainable=10,
    ),
    Case(kl.ACBConv2D, {"filters": 6, "kernel_size": 3}, outputs=[(2, 9, 8, 6)], trainable=9),
    Case(
        kl.ACBConv2D,
        {"filters": 6, "kernel_size": 5, "padding": 1},
        outputs=[(2, 7, 6, 6)],
        trainable=9,
    ),
    Case(
        kl.ACBConv2D,
        {"filters": 8, "kernel_size": 3, "padding": 3, "strides": 2, "groups": 2},
        outputs=[(2, 7, 6, 8)],
        trainable=9,
    ),
    Case(
        kl.ACBConv2D,
        {"filters": 8, "kernel_size": 3, "padding": "valid", "dilation_rate": 2},
        outputs=[(2, 5, 4, 8)],
        trainable=9,
    ),
    Case(kl.DiracConv2D, {"filters": 24}, outputs=[(2, 9, 8, 24)], trainable=3),
    Case(kl.DiracConv2D, {"filters": 6, "padding": "valid"}, outputs=[(2, 7, 6, 6)], trainable=3),
    Case(kl.RepSO, {}, trainable=20),
    Case(kl.RepSO, {"squares": 1}, trainable=14),
    Case(kl.RepSO, {"squares": 2, "extra_branches": ("column",)}, trainable=9),
    Case(kl.SparselyFactorizedConv2D, {"filters": 64}, outputs=[(2, 9, 8, 64)], trainable=2),
    Case(kl.RefCO, {"filters": 64}, outputs=[(2, 9, 8, 64)], trainable=6),
    Case(
        kl.RefCO,
        {"filters": 8, "window": 4, "branches": (2, 3)},
        outputs=[(2, 9, 8, 8)],
        trainable=6,
    ),
    Case(kl.ChannelShuffle, {"groups": 4}, trainable=0),
    Case(
        kl.GroupedPointwiseConv2D,
        {"filters": 32, "groups": 2},
        outputs=[(2, 9, 8, 32)],
        trainable=1,
    ),
    Case(
        kl.GroupedPointwiseConv2D,
        {"filters": 8, "groups": 8, "strides": 2},
        outputs=[(2, 5, 4, 8)],
        trainable=1,
    ),
    Case(kl.InterleavedGroupBlock, {"filters": 16, "residual": True}, trainable=9),
    Case(
        kl.InterleavedGroupBlock,
        {"filters": 12, "strides": 2},
        outputs=[(2, 5, 4, 12)],
        trainable=9,
    ),
    Case(
        kl.InterleavedGroupBlock,
        {
            "filters": 16,
            "expand_groups": 2,
            "project_groups": 4,
            "residual": True,
            "activation_after": ("expand",),
            "second_permutation": True,
        },
        trainable=9,
    ),
    Case(
        kl.InterleavedGroupBlock,
        {"filters": 12, "expand_groups": 4, "activation_after": ("expand", "depthwise")},
        outputs=[(2, 9, 8, 12)],
        trainable=9,
    ),
    Case(kl.InterleavedGroupPair, {"filters": 24}, outputs=[(2, 9, 8, 24)], trainable=6),
    Case(kl.WideInterleavedGroupBlock, {"filters": 24}, outputs=[(2, 9, 8, 24)], trainable=15),
    Case(
        kl.WideInterleavedGroupBlock,
        {"filters": 16, "strides": 2},
        outputs=[(2, 5, 4, 16)],
        trainable=9,
    ),
    Case(kl.IGCV1Conv2D, {"partitions": 4, "strides": 2}, outputs=[(2, 5, 4, 16)], trainable=2),
    Case(kl.IGCV2Conv2D, {"branch_channels": (2, 4, 2)}, trainable=4),
    Case(
        kl.IGCV2Conv2D,
        {"branch_channels": (4, 4), "strides": 2},
        outputs=[(2, 5, 4, 16)],
        trainable=3,
    ),
    Case(kl.PartialConv2D, {}, trainable=1),
    Case(kl.MetaLightBlock, {}, trainable=32),
    Case(kl.MetaBasicBlock, {"layout": "irb"}, trainable=9),
    Case(kl.MetaBasicBlock, {"layout": "sandglass"}, trainable=12),
    Case(kl.MetaBasicBlock, {"layout": "fasternet", "expansion": 2}, trainable=5),
    Case(kl.MetaBasicBlock, {"layout": "shufflenetv2"}, trainable=9),
    Case(kl.MetaBasicBlock, {"layout": "mobilenetv1"}, trainable=12),
    Case(kl.MetaBasicBlock, {"layout": "shufflenetv1"}, trainable=9),
    Case(kl.MetaBasicBlock, {"layout": "mbconv"}, trainable=13),
    Case(kl.MetaBasicBlock, {"spatial": ("partial", "identity", "dw5x5")}, trainable=10),
    Case(
        kl.MetaBasicBlock,
        {
            "spatial": "repso",
            "squares": 1,
            "extra_branches": (),
            "channel": "refco",
            "reduction": 4,
            "branches": (1, 2),
        },
        trainable=15,
    ),
]
every_case = pytest.mark.parametrize(
    "case", CASES, ids=[f"{case.layer.__name__}-{case.config}" for case in CASES]
)


def call(layer, inputs):
    y = layer(inputs[0] if len(inputs) == 1 else inputs)
    return keras.tree.flatten(y)


@every_case
def test_layer(case, tmp_path):
    layer = case.layer(**case.config, name="it")
    x = case.drawn()
    eager = [keras.ops.convert_to_numpy(y) for y in call(layer, x)]
    assert [y.shape for y in eager] == case.expected
    assert len(layer.trainable_weights) == case.trainable
    assert layer.dtype_policy.name == "float32"

    symbolic = case.symbolic()
    copy = case.layer.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    model = keras.Model(symbolic, call(copy, symbolic))
    assert [y.shape[1:] for y in model.outputs] == [shape[1:] for shape in case.expected]
    copy.set_weights(layer.get_weights())
    model.save(tmp_path / "layer.keras")
    loaded = keras.saving.load_model(tmp_path / "layer.keras")
    for y, z in zip(eager, keras.tree.flatten(loaded(x)), strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(z), y, atol=1e-6)


@every_case
def test_dynamic_size_and_mixed_precision(case):
    symbolic = case.symbolic((None, None))
    layer = case.layer(**case.config, dtype="mixed_float16")
    outputs = call(layer, symbolic)
    assert [y.shape for y in outputs] == [(None, None, None, shape[-1]) for shape in case.expected]
    model = keras.Model(symbolic, outputs)
    y = keras.tree.flatten(model(case.drawn()))
    assert [tuple(z.shape) for z in y] == case.expected
    assert all(keras.backend.standardize_dtype(z.dtype) == "float16" for z in y)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: kl.GaussianDepthwiseConv2D(strides=0), "Received: strides=0"),
        (lambda: kl.GaussianDepthwiseConv2D(sigma=0), "Received: sigma=0"),
        (lambda: kl.GaussianDepthwiseConv2D(kernel_size=4), "Received: kernel_size=4"),
        (lambda: kl.EdgeDepthwiseConv2D(kernels="x"), "edge_gaussian.*Received: kernels='x'"),
        (lambda: kl.SharedDepthwiseConv2D(8)(images(1, 4, 4, 12)), "multiple of repeats=8"),
        (lambda: kl.SqueezeExcite(0), "Received: filters=0"),
        (lambda: kl.DownsamplingBlock(7), "Received: filters=7"),
        (lambda: kl.DownsamplingBlock(8, downsampling="max"), "Received: downsampling='max'"),
        (lambda: kl.HalfIdentityBlock("x"), "learned.*Received: kernels='x'"),
        (
            lambda: kl.HalfIdentityBlock()([images(1, 4, 4, 4), images(1, 4, 4, 8)]),
            "same shape",
        ),
        (lambda: kl.EdgeDepthwiseConv2D().build((None, 4, 4, None)), "number of channels"),
        (lambda: kl.RepVGGBlock(6, groups=4), "Received: filters=6, groups=4"),
        (lambda: kl.RepVGGBlock(4, groups=4)(images(1, 4, 4, 6)), "multiple of groups=4"),
        (lambda: kl.QARepVGGBlock(8, se_ratio=0.25), "use RepVGGBlock"),
        (lambda: kl.ACBConv2D(4, 2), "Received: kernel_size=2"),
        (lambda: kl.ACBConv2D(4, 1), "at least 3"),
        (lambda: kl.ACBConv2D(4, 3, padding="full"), "Received: padding='full'"),
        (lambda: kl.DiracConv2D(4, 2), "Received: kernel_size=2"),
        (lambda: kl.RepSO(0), "Received: squares=0"),
        (lambda: kl.SparselyFactorizedConv2D(8, window=3)(images(1, 4, 4, 8)), "window=3"),
        (lambda: kl.SparselyFactorizedConv2D(7)(images(1, 4, 4, 5)), "No window"),
        (lambda: kl.ChannelShuffle(0), "Received: groups=0"),
        (lambda: kl.ChannelShuffle(3)(images(1, 4, 4, 8)), "multiple of groups=3"),
        (lambda: kl.GroupedPointwiseConv2D(3, 2), "Received: filters=3, groups=2"),
        (lambda: kl.GroupedPointwiseConv2D(4, 2)(images(1, 4, 4, 3)), "multiple of groups=2"),
        (
            lambda: kl.InterleavedGroupBlock(4, residual=True)(images(1, 4, 4, 8)),
            "can be added only",
        ),
        (
            lambda: kl.InterleavedGroupBlock(4, activation_after=("project",)),
            "Received: activation_after",
        ),
        (lambda: kl.SeparableBlock("x"), "learned.*Received: kernels='x'"),
        (lambda: kl.IGCV2Conv2D((2, 2))(images(1, 4, 4, 8)), "must be the number of channels"),
        (lambda: kl.MetaBasicBlock("resnet"), "Received: layout='resnet'"),
        (lambda: kl.MetaBasicBlock(spatial="conv"), "Received: spatial='conv'"),
        (lambda: kl.MetaBasicBlock(channel="conv"), "Received: channel='conv'"),
        (lambda: kl.MetaBasicBlock("irb", spatial="repso"), "does not use `spatial`.*'repso'"),
        (lambda: kl.MetaBasicBlock("mobilenetv1", 6), "'mobilenetv1' does not use `expansion`.*6"),
        (lambda: kl.MetaBasicBlock(spatial=("dw3x3", "x", "dw3x3")), r"spatial=\('dw3x3', 'x'"),
        (lambda: kl.MetaBasicBlock(spatial=("dw3x3",)), "the three before, between and after"),
        (lambda: kl.MetaBasicBlock(reduction=4), "without 'refco' does not use `reduction`.*4"),
        (lambda: kl.MetaBasicBlock(squares=1), "without 'repso' does not use `squares`.*squares=1"),
        (
            lambda: kl.MetaBasicBlock("shufflenetv1", channel="refco"),
            "'shufflenetv1' does not use `channel`.*'refco'",
        ),
        (lambda: kl.RepSO(extra_branches=("diagonal",)), "Received: extra_branches"),
        (lambda: kl.MetaLightBlock(layout="irb"), "use MetaBasicBlock.*Received: layout='irb'"),
        (lambda: kl.DiracConv2D(4, groups=2), "takes no `groups`.*groups=2"),
        (
            lambda: kl.DiracConv2D(4, gamma_initializer="zeros"),
            "takes no `gamma_initializer`.*Received: gamma_initializer=",
        ),
        (lambda: kl.RepSO(groups=4), "depthwise block takes no `groups`.*Received: groups=4"),
        (lambda: kl.RepSO(filters=8), "takes no `filters`.*Received: filters=8"),
        (lambda: kl.RepVGGBlock(8, se_after=True), "needs `se_ratio`.*Received: se_after=True"),
        (lambda: kl.RepVGGBlock(8, se_ratio=16), r"at most 1, or None. Received: se_ratio=16"),
        (lambda: kl.RepVGGBlock(8, se_ratio=0), "Received: se_ratio=0"),
        (lambda: kl.QARepVGGBlock(8, se_ratio=0), "use RepVGGBlock"),
        (
            lambda: kl.UniversalInvertedBottleneck(8, middle=None, strides=2),
            "give `start` or `middle`. Received: strides=2",
        ),
        (
            lambda: kl.LCNetV2Block(8, residual=True)(images(1, 4, 4, 4)),
            "only if `strides` is 1.*Received: strides=1, filters=8, channels=4",
        ),
        (lambda: kl.MultiSizeDepthwise((3, 3))(images(1, 4, 4, 4)), "and different names"),
        (lambda: kl.MobileOneBlock(branches=0), "Received: branches=0"),
        (lambda: kl.Pointwise(8, se_ratio=4), "Received: se_ratio=4"),
        (lambda: kl.HalfIdentityBlock(se_ratio=-0.25), "Received: se_ratio=-0.25"),
        (lambda: kl.DownsamplingBlock(8, se_ratio=4), "Received: se_ratio=4"),
        (lambda: kl.SparselyFactorizedConv2D(8, window=0)(images(1, 4, 4, 8)), "window=0"),
        (lambda: kl.RefCO(8, window=0)(images(1, 4, 4, 8)), "window=0"),
        (lambda: kl.RefCO(8, branches=()), r"Received: branches=\(\)"),
        (lambda: kl.RefCO(8, branches=(0, 2)), r"Received: branches=\(0, 2\)"),
        (lambda: kl.ConvActNorm(8, 2), "must be odd. Received: kernel_size=2"),
        (lambda: kl.PartialConv2D(0), "Received: reduction=0"),
        (lambda: kl.PartialConv2D(32)(images(1, 4, 4, 16)), "at least reduction=32"),
        (
            lambda: kl.RepVGGBlock.from_config({"se_filters": 4}),
            "Received: a config with se_filters=4 and without `filters`",
        ),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_file_without_attention_needs_no_filters():
    layer = kl.RepSO.from_config({"se_filters": None})
    assert layer.se_ratio is None


def test_gaussian_kernels_of_the_release_and_of_the_paper():
    released = kl.GaussianDepthwiseConv2D().bank()
    expected = [[0.07511360, 0.12384140], [0.12384140, 0.20417994]]
    np.testing.assert_allclose(released[0, :2, :2], expected, atol=1e-7)
    paper = kl.GaussianDepthwiseConv2D(sigma=1.1, alternate_sign=True, decimals=4).bank()
    np.testing.assert_array_equal(paper[0, :2, :2], [[0.0811, 0.1226], [0.1226, 0.1853]])
    np.testing.assert_array_equal(paper[1], -paper[0])


def test_edge_kernels_of_the_authors_code():
    edge, both = BANKS["edge"], BANKS["edge_gaussian"]
    np.testing.assert_array_equal(edge[0], [[-0.5, -1, -0.5], [0, 0, 0], [0.5, 1, 0.5]])
    np.testing.assert_array_equal(edge[1], [[-0.5, 0, 0.5], [-1, 0, 1], [-0.5, 0, 0.5]])
    np.testing.assert_allclose(edge[2][0] * 12, [-1, -2, -1])
    np.testing.assert_array_equal(edge[3], [[0, -0.25, 0], [-0.25, 1, -0.25], [0, -0.25, 0]])
    np.testing.assert_allclose(both[4] * 3, [[-3, -2, -1], [-2, 0, 2], [1, 2, 3]])
    np.testing.assert_allclose(both[5] * 3, [[-1, -2, -3], [2, 0, -2], [3, 2, 1]])
    np.testing.assert_array_equal(both[7][0], [0.0277, 0.1110, 0.0277])
    assert both[6][1, 1] == 0.1853


def test_channel_j_takes_kernel_j_mod_8():
    layer = kl.EdgeDepthwiseConv2D()
    layer.build((None, 4, 4, 28))
    kernel = np.asarray(layer.kernel)
    for channel in range(28):
        expected = BANKS["edge_gaussian"][channel % 8].astype("float32")
        np.testing.assert_array_equal(kernel[:, :, channel, 0], expected)


def test_halves_are_passed_on_as_published():
    left, right = images(1, 4, 4, 8), images(1, 4, 4, 8, seed=1)
    new_left, _ = kl.HalfIdentityBlock()([left, right])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(new_left), right)


def test_downsampling_keeps_the_last_channels():
    block = kl.DownsamplingBlock(12)
    x = images(1, 8, 8, 10)
    left, _ = block(x)
    blurred = keras.ops.convert_to_numpy(kl.GaussianDepthwiseConv2D(2)(x))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(left), blurred[..., -6:], atol=1e-6)


@every_case
def test_fused_layer(case):
    """Every layer alone is the same function of built-in layers after fusing, at any size."""
    for sizes in ((None, None), None):
        symbolic = case.symbolic(sizes)
        model = keras.Model(symbolic, call(case.layer(**case.config), symbolic))
        randomize(model)
        fused = keraslight.fuse(model)
        assert all(type(layer).__module__.startswith("keras.") for layer in fused.layers)
        assert not any(isinstance(x, keras.layers.BatchNormalization) for x in fused.layers)
        assert relative_error(model, fused, case.drawn()) <= 1e-5


@every_case
def test_every_weight_gets_a_gradient(case):
    symbolic = case.symbolic()
    layer = case.layer(**case.config)
    outputs = [keras.layers.Flatten()(y) for y in call(layer, symbolic)]
    model = keras.Model(symbolic, keras.layers.Dense(1)(keras.layers.concatenate(outputs)))
    before = [np.asarray(weight).copy() for weight in model.trainable_weights]
    model.compile(keras.optimizers.SGD(1e6), "mse", run_eagerly=True)
    model.fit(case.drawn(), np.arange(2.0), verbose=0)
    for old, weight in zip(before, model.trainable_weights, strict=True):
        assert np.abs(old - np.asarray(weight)).max() > 0, weight.path
