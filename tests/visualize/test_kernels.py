"""Finding, drawing, counting and replacing depthwise kernels."""

import sys

import keras
import numpy as np
import pytest

import keraslight
from keraslight import canvas
from keraslight.layers.fixed_depthwise_conv2d import gaussian_kernel
from keraslight.visualize import kernel_census, plot_kernels
from keraslight.visualize.kernel_grid import kernel_mosaic
from keraslight.visualize.patterns import match, patterns
from tests.helpers import table_cells

L = keras.layers
IDENTITY = np.diag([0, 1, 0]) @ np.ones((3, 3)) @ np.diag([0, 1, 0])
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
CORNERS = np.array([[1, 0, 1], [0, 0, 0], [1, 0, -1]])
EXAMPLES = np.stack([2 * IDENTITY, -gaussian_kernel(1.0), SOBEL, CORNERS, 0 * SOBEL], axis=-1)
NAMES = ("identity", "gaussian", "edge", "none", "zero")


def depthwise(kernels, **kwargs):
    layer = L.DepthwiseConv2D(kernels.shape[0], use_bias=False, **kwargs)
    layer.build((None, 8, 8, kernels.shape[-1]))
    layer.set_weights([kernels[..., None]])
    return layer


@pytest.fixture
def model():
    """Kernels of five kinds, in a model in a model, beside some that are no depthwise ones."""
    inner = keras.Sequential([L.Input((8, 8, 5)), depthwise(EXAMPLES, name="inside")])
    return keras.Sequential(
        [
            L.Input((8, 8, 5)),
            L.Conv2D(5, 3, padding="same"),
            L.DepthwiseConv2D(1),
            inner,
            L.SeparableConv2D(4, 3, padding="same", name="separable"),
            L.Conv2D(8, 3, groups=4, padding="same", name="grouped"),
            L.Conv2D(8, 3, groups=2),
            L.GlobalAveragePooling2D(),
            L.Dense(3),
        ],
        name="examples",
    )


@pytest.mark.parametrize("size", [3, 5, 7])
def test_every_pattern_matches_itself(size):
    known = patterns(size)
    kernels = np.stack([p.kernel for p in known], axis=-1) * np.linspace(-3, 2, len(known))
    found = match(kernels, threshold=1 - 1e-9)
    assert found.names == [p.name for p in known]
    np.testing.assert_allclose(found.projections, kernels, atol=1e-12)


def test_chance_is_as_documented():
    kernels = np.random.default_rng(0).normal(0, 1, (3, 3, 20000))
    shares = [np.mean([k != "none" for k in match(kernels, t).kinds]) for t in (0.9, 0.8)]
    np.testing.assert_allclose(shares, [0.004, 0.04], rtol=0.2)


def test_census(model):
    census = kernel_census(model)
    assert [layer.layer for layer in census.layers] == ["inside", "separable", "grouped"]
    assert census.layers[0].kinds == dict.fromkeys(NAMES, 1)
    assert census.layers[0].patterns == {"identity": 1, "gaussian_1.1": 1, "sobel_x": 1}
    assert [layer.kernels for layer in census.layers] == [5, 5, 8]
    assert census.share("zero") == pytest.approx(1 / 18)
    first, *_, total = table_cells(str(census))[1:]
    assert first == ["inside", "5", "3x3", "yes"] + 5 * ["20.0"]
    assert total[:2] == ["all", "18"]
    assert len(table_cells(census.table(rows=1))) == 3
    assert census.as_dicts()[0]["edge"] == 1


def test_census_of_larger_kernels():
    census = kernel_census(keras.Sequential([L.Input((8, 8, 16)), L.DepthwiseConv2D(5)]))
    assert census.layers[0].size == 5
    with pytest.raises(ValueError, match="no square kernels of odd size, depthwise"):
        kernel_census(keras.Sequential([L.Input((8, 8, 2)), L.DepthwiseConv2D((1, 3))]))


def test_census_of_dense_and_grouped_kernels(model):
    census = kernel_census(model, connections=("dense", "grouped"))
    assert [(x.layer, x.connection, x.kernels) for x in census.layers] == [
        (model.layers[0].name, "dense", 5 * 5),
        (model.layers[5].name, "grouped", 4 * 8),
    ]
    with pytest.raises(ValueError, match=r"must be some of .*Received: connections=\('wide',\)"):
        kernel_census(model, connections=("wide",))


def test_layers_with_strides_are_counted_apart():
    layers = [L.Input((8, 8, 5)), depthwise(EXAMPLES, strides=2), depthwise(EXAMPLES[..., :2])]
    census = kernel_census(keras.Sequential([*layers[:2], L.Conv2D(2, 1), layers[2]]))
    assert [layer.strides for layer in census.layers] == [2, 1]
    assert census.share("edge", strided=True) == 0.2
    assert census.share("gaussian", strided=False) == 0.5


def test_our_layers_and_their_fused_forms_count_alike():
    """Fixed kernels, shared kernels and branches become plain convolutions."""
    ours = keraslight.layers
    model = keras.Sequential(
        [
            L.Input((16, 16, 8)),
            ours.GaussianDepthwiseConv2D(2, name="blur"),
            ours.EdgeDepthwiseConv2D(kernels="edge", name="edge"),
            ours.RepSO(name="branches"),
            ours.SharedDepthwiseConv2D(2, name="shared"),
        ]
    )
    census, fused = kernel_census(model).layers, kernel_census(keraslight.fuse(model)).layers
    assert [x.learned for x in census] == [False, False, True, True]
    assert [x.patterns for x in census[:2]] == [
        {"gaussian_1.1": 8},
        {"sobel_y": 2, "sobel_x": 2, "laplace_8": 2, "laplace_4": 2},
    ]
    assert [x.kernels for x in census] == [8, 8, 8, 4]
    assert [x.kinds for x in fused[:3]] == [x.kinds for x in census[:3]]
    assert fused[3].kinds == {kind: 2 * count for kind, count in census[3].kinds.items()}


class TwoSquares(keraslight.layers.LinearBranches):
    """Two branches of 3x3."""

    def branches_of(self, channels):
        return [keraslight.layers.Branch("first", 3), keraslight.layers.Branch("second", 3)]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("arguments", [{}, {"filters": 8, "groups": 8}])
def test_a_depthwise_sum_of_branches_counts_as_one_convolution(arguments, fused):
    block = TwoSquares(**arguments, fused=fused, name="sum")
    model = keras.Sequential([L.Input((8, 8, 8)), block])
    (layer,) = kernel_census(model).layers
    assert (layer.layer, layer.kernels, layer.learned) == ("sum", 8, True)
    assert layer.kinds == kernel_census(keraslight.fuse(model)).layers[0].kinds


def test_a_dense_sum_of_branches_has_no_depthwise_kernels():
    model = keras.Sequential([L.Input((8, 8, 8)), TwoSquares(8)])
    with pytest.raises(ValueError, match="no depthwise convolution"):
        kernel_census(model)


def test_learned_kernels_of_a_frozen_model_count_as_learned():
    layers = [L.DepthwiseConv2D(3), keraslight.layers.EdgeDepthwiseConv2D()]
    model = keras.Sequential([L.Input((8, 8, 8)), *layers])
    model.trainable = False
    assert [layer.learned for layer in kernel_census(model).layers] == [True, False]


def test_errors():
    dense = keras.Sequential([L.Input((4,)), L.Dense(2)])
    with pytest.raises(ValueError, match=r"no depthwise convolution.*Received: model="):
        kernel_census(dense)
    model = keras.Sequential([L.Input((8, 8, 2)), L.DepthwiseConv2D(3, name="one")])
    with pytest.raises(ValueError, match=r"above 0 and at most 1.*Received: threshold=1.5"):
        kernel_census(model, threshold=1.5)
    with pytest.raises(ValueError, match=r"of \['one'\].*Received: layers with \['two'\]"):
        plot_kernels(model, layers=["one", "two"])
    with pytest.raises(ValueError, match=r"at least one layer. Received: layers=\[\]"):
        plot_kernels(model, layers=[])
    with pytest.raises(ValueError, match="Received: kind='edges'"):
        kernel_census(model).share("edges")


def test_kernels_that_are_not_finite_are_refused():
    model = keras.Sequential([L.Input((8, 8, 2)), L.DepthwiseConv2D(3, name="broken")])
    model.layers[0].kernel.assign(np.full((3, 3, 2, 1), np.nan))
    for function in (kernel_census, plot_kernels, keraslight.replace_kernels):
        with pytest.raises(ValueError, match=r"NaN or infinite.*with the layer broken"):
            function(model)


def test_a_layer_of_zeros_is_counted_drawn_and_replaced_by_nothing():
    model = keras.Sequential([L.Input((8, 8, 5)), depthwise(0 * EXAMPLES, name="zeros")])
    census = kernel_census(model)
    assert census.share("zero") == 1
    census.plot()
    plot_kernels(model)
    _, report = keraslight.replace_kernels(model)
    assert (report.share, report.layers[0].error) == (0, 0)
    report.plot()


def test_mosaic():
    kernels = np.stack([[[2.0]], [[-4.0]], [[0.0]]], axis=-1)
    inf, nan = np.inf, np.nan
    expected = [
        [inf, inf, inf, inf, inf],
        [inf, 1, inf, -1, inf],
        [inf, inf, inf, inf, inf],
        [inf, 0, inf, nan, nan],
        [inf, inf, inf, nan, nan],
    ]
    np.testing.assert_array_equal(kernel_mosaic(kernels, columns=2), expected)


def test_pictures(model, tmp_path):
    """Their ground is transparent and their ink of one contrast to light and dark pages."""
    from matplotlib import image

    figure = plot_kernels(model)
    figure.savefig(tmp_path / "kernels.png")
    assert [axis.get_title(loc="left") for axis in figure.axes] == [
        "inside: 5 of 3x3",
        "separable: 5 of 3x3",
        "grouped: 8 of 3x3",
    ]
    axes = kernel_census(model).plot()
    axes.figure.savefig(tmp_path / "census.png")
    widths = [bar.get_width() for bar in axes.patches]
    assert len(widths) == 3 * 5
    assert sum(widths) == pytest.approx(300)
    for name in ("kernels.png", "census.png"):
        pixels = image.imread(tmp_path / name)
        assert pixels.shape[-1] == 4
        assert (pixels[..., 3] == 0).mean() > 0.1
    ink = luminance(canvas.INK)
    assert min(1.05 / (ink + 0.05), (ink + 0.05) / (luminance("#0d1117") + 0.05)) > 4


def luminance(color):
    levels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_without_matplotlib(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install keraslight\[visualize\]"):
        plot_kernels(model)


class TestReplaceKernels:
    def test_near_kernels_become_multiples_of_fixed_ones(self, model):
        before = model.get_layer(index=2).get_layer("inside").get_weights()[0].copy()
        near = EXAMPLES + 0.1 * np.random.default_rng(0).normal(0, 1, EXAMPLES.shape)
        near[..., 4] = 0
        model.get_layer(index=2).get_layer("inside").set_weights([near[..., None]])
        replaced, report = keraslight.replace_kernels(model, rule=0.9, kinds=("identity", "edge"))
        new = replaced.get_layer(index=2).get_layer("inside").get_weights()[0][..., 0]
        ratio = np.delete(new[..., 0], 4), new[1, 1, 0]
        np.testing.assert_array_equal(ratio[0], 0)
        np.testing.assert_allclose(new[..., 2] / new[1, 2, 2], SOBEL / 2, atol=1e-6)
        np.testing.assert_array_equal(new[..., [1, 3, 4]], near[..., [1, 3, 4]].astype("float32"))
        kept = model.get_layer(index=2).get_layer("inside").get_weights()[0]
        np.testing.assert_array_equal(kept[..., 0], near.astype("float32"))
        assert before.shape == kept.shape
        assert (report.layers[0].layer, report.layers[0].replaced) == ("inside", 2)
        assert 0 < report.layers[0].error < 0.3
        assert report.accuracy_before is None

    def test_a_frozen_model_stays_frozen(self, model):
        model.trainable = False
        replaced, _ = keraslight.replace_kernels(model, 0.9)
        assert not replaced.trainable_variables
        assert not any(variable.trainable for variable in replaced.variables)

    def test_accuracy(self):
        """A classifier by the right column, which a rule that mirrors kernels turns around."""
        model = keras.Sequential([L.Input((3, 3, 2)), depthwise(np.stack([SOBEL, -SOBEL], -1))])
        model.add(L.Flatten())
        images = np.zeros((4, 3, 3, 2), "float32")
        images[:2, :, 2], images[2:, :, 0] = 1, 1
        data = [(images, np.eye(2)[[0, 0, 1, 1]]), (images[:1], [0])]
        _, report = keraslight.replace_kernels(model, lambda name, k: k[:, ::-1], data=data)
        assert (report.accuracy_before, report.accuracy_after) == (1, 0)
        assert "Accuracy: 100.00% before, 0.00% after" in str(report)
        assert report.share == 1

    def test_errors(self):
        replace = keraslight.replace_kernels
        model = keras.Sequential([L.Input((3, 3, 2)), L.DepthwiseConv2D(3, name="depthwise")])
        with pytest.raises(ValueError, match=r"Received: kinds=\('blur',\)"):
            replace(model, kinds=("blur",))
        with pytest.raises(ValueError, match=r"depthwise. Received: shape \(3, 3, 1\)"):
            replace(model, lambda name, kernels: kernels[..., :1])
        with pytest.raises(ValueError, match=r"finite kernels.*for the layer depthwise"):
            replace(model, lambda name, kernels: kernels * np.nan)
        with pytest.raises(ValueError, match="must hold batches"):
            replace(model, data=iter(()))
        model = keras.Sequential([L.Input((8, 8, 4)), keraslight.layers.EdgeDepthwiseConv2D()])
        with pytest.raises(ValueError, match="are fixed already"):
            replace(model)
        model = keras.Sequential([L.Input((8, 8, 4)), keraslight.layers.RepSO()])
        with pytest.raises(ValueError, match="fuse the model first"):
            replace(model)
