"""Files become Keras models that compute the same bits, and go back."""

import itertools
import re

import keras
import numpy as np
import pytest

import keraslight
from keraslight.quantization import QuantizedModel
from keraslight.tflite.metadata import read_metadata
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs
from tests.quantization import small_models
from tests.quantization.runners import run_on
from tests.tflite_import import files

L = keras.layers
# operators that the other runtimes compute too, one file each
POINTWISE = {
    "prelu": lambda: files.branches(prelu=L.PReLU(shared_axes=[1, 2])),
    "hard swish": lambda: files.branches(hard_swish=L.Activation("hard_silu")),
    "resize": lambda: files.branches(bilinear=L.UpSampling2D(2, interpolation="bilinear")),
    "corners": lambda: files.branches(resize=L.Resizing(5, 11)),
    "average": lambda: files.branches(average=L.AveragePooling2D(3, 2, "same")),
    "mean": lambda: files.branches(mean=L.GlobalAveragePooling2D(keepdims=True)),
}


def assert_equals_the_runtime(model, path):
    x, expected = files.run(path)
    assert isinstance(model, QuantizedModel)
    found = outputs(keraslight.exact_model(model), x if len(x) > 1 else x[0])
    for place, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert len(np.unique(other)) > 4
        np.testing.assert_array_equal(one, other, err_msg=f"output {place}")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return files.converted(files.small_network(), tmp_path_factory.mktemp("int8") / "x.tflite")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return files.uint8_file(tmp_path_factory.mktemp("uint8") / "x.tflite")


@pytest.mark.parametrize(
    "kind", exhaustive_but([kind for kind in files.BRANCHES if kind != "combining"], files.BRANCHES)
)
def test_every_operator_computes_the_bits_of_the_runtime(kind, tmp_path):
    path = files.converted(files.BRANCHES[kind](), tmp_path / "x.tflite")
    assert_equals_the_runtime(keraslight.load_tflite(path), path)


@pytest.mark.parametrize("io", exhaustive_but([None], [None, "int8", "uint8"]))
def test_a_network_of_another_converter(io, tmp_path):
    path = files.converted(files.small_network(), tmp_path / "x.tflite", io)
    assert_equals_the_runtime(keraslight.load_tflite(path), path)


@pytest.mark.parametrize(
    ("kind", "runtime"),
    exhaustive_but(
        [("network", "tflm")],
        itertools.product(["network", "linear", "softmax", *POINTWISE], ["reference", "tflm"]),
    ),
)
def test_other_runtimes(kind, runtime, tmp_path):
    model = {
        "network": files.small_network,
        "linear": files.linear_branches,
        "softmax": lambda: files.branches(softmax=L.Softmax(), other=L.Conv2D(8, 1)),
        **POINTWISE,
    }[kind]()
    path = files.converted(model, tmp_path / "x.tflite")
    x = files.run(path)[0][0]
    exact = outputs(keraslight.exact_model(keraslight.load_tflite(path), runtime), x)
    for place, (one, other) in enumerate(zip(exact, run_on(runtime, path, x), strict=True)):
        np.testing.assert_array_equal(one, other, err_msg=f"output {place}")


def test_runtimes_of_uint8_are_not_known(old):
    with pytest.raises(ValueError, match="rounds a file of uint8 is not known"):
        keraslight.exact_model(keraslight.load_tflite(old), "reference")


@pytest.mark.parametrize("family", exhaustive_but(["vgnetg"], small_models.BLOCKS))
def test_our_own_files(family, tmp_path):
    quantized = keraslight.quantize_model(keraslight.fuse(small_models.build(family)))
    x = images(8, *small_models.SHAPE)
    keraslight.calibrate(quantized, [x], "minmax", bias_correction=False, verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "x.tflite", check=False)
    model = keraslight.load_tflite(path)
    expected = outputs(keraslight.exact_model(quantized), x)[0]
    np.testing.assert_array_equal(outputs(keraslight.exact_model(model), x)[0], expected)
    # compiled as a whole, too
    found = keraslight.exact_model(model).predict(x, verbose=0)
    np.testing.assert_array_equal(found, expected)


def test_functions_that_a_file_holds_as_tables(tmp_path):
    inputs = x = keras.Input((8, 8, 3))
    for function in ("mish", "softplus", "elu"):
        x = keras.layers.Conv2D(4, 1)(keras.layers.Activation(function)(x))
    quantized = keraslight.quantize_model(files.drawn(keras.Model(inputs, x)))
    keraslight.calibrate(quantized, [images(8, 8, 8, 3)], "minmax", verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "x.tflite", check=False)
    model = keraslight.load_tflite(path, ranges="learned")
    assert_equals_the_runtime(model, path)
    again = keraslight.export_tflite(model, tmp_path / "again.tflite")
    np.testing.assert_array_equal(files.run(again)[1][0], files.run(path)[1][0])


def test_float_files_become_ordinary_models():
    model = keraslight.load_tflite(files.DATA / "float.tflite")
    assert not isinstance(model, QuantizedModel)
    x, expected = files.run(files.DATA / "float.tflite")
    error = np.abs(outputs(model, x[0])[0] - expected[0]).max()
    assert error < 1e-5 * np.abs(expected[0]).max()


def test_wide_codes_are_read_as_floats(tmp_path):
    model = files.small_network()
    path = keraslight.export_tflite(
        model, tmp_path / "x.tflite", "int16x8", representative_data=[images(4, 16, 16, 3)]
    )
    with pytest.raises(ValueError, match="int16 activations"):
        keraslight.load_tflite(path)
    x = images(4, 16, 16, 3)
    found, expected = (
        outputs(m, x)[0] for m in (keraslight.load_tflite(path, dequantize=True), model)
    )
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("format", exhaustive_but(["int4_weights"], ["int4_weights", "float16"]))
def test_weights_of_fewer_bits(format, tmp_path):
    path = keraslight.export_tflite(files.small_network(), tmp_path / "x.tflite", format)
    x, expected = files.run(path)
    found = outputs(keraslight.load_tflite(path), x[0])[0]
    assert np.abs(found - expected[0]).max() < 1e-4 * np.abs(expected[0]).max()


def test_uint8_operators(tmp_path):
    path = files.uint8_branches(tmp_path / "x.tflite")
    assert_equals_the_runtime(keraslight.load_tflite(path), path)


def pixels_in_the_batch(x):
    """A dilated convolution, as TensorFlow 1 wrote it."""
    import tensorflow as tf

    kernel = np.random.default_rng(0).normal(0, 0.3, (3, 3, 6, 1)).astype("float32")
    x = tf.space_to_batch(x, [2, 2], [[2, 2], [2, 4]])
    x = tf.nn.relu(tf.nn.depthwise_conv2d(x, kernel, [1] * 4, "VALID"))
    return tf.batch_to_space(x * x, [2, 2], [[0, 0], [0, 2]])


def test_pixels_in_the_batch(tmp_path):
    path = files.of_function(pixels_in_the_batch, tmp_path / "x.tflite")
    model = keraslight.load_tflite(path)
    assert model.input_shape[0] == 1
    x, expected = files.run(path, count=1)
    np.testing.assert_array_equal(outputs(keraslight.exact_model(model), x[0])[0], expected[0])


def test_the_largest_values_and_their_places(tmp_path):
    import tensorflow as tf

    def network(x):
        return *tf.math.top_k(x, 3), tf.argmax(x, -1, tf.int32)

    path = files.of_function(network, tmp_path / "x.tflite")
    assert_equals_the_runtime(keraslight.load_tflite(path), path)


def test_operators_that_cannot_be_read(tmp_path):
    """The message names the operator, its place, and what to do."""
    import tensorflow as tf

    def network(x):
        return tf.reduce_prod(tf.nn.relu(x) + x, -1), tf.math.rsqrt(tf.nn.relu(x) + 1)

    path = files.of_function(network, tmp_path / "x.tflite")
    with pytest.raises(ValueError, match=r"REDUCE_PROD at place \d+, .*there is no rule") as error:
        keraslight.load_tflite(path)
    (name,) = re.findall(r"outputs=\['(.*)'\] cuts before it", str(error.value))
    assert_equals_the_runtime_before(keraslight.load_tflite(path, outputs=[name]), tmp_path)

    path = files.of_function(lambda x: network(x)[1], tmp_path / "x.tflite")
    with pytest.raises(ValueError, match=r"RSQRT at place \d+, .*unknown='float'"):
        keraslight.load_tflite(path)
    model = keraslight.load_tflite(path, unknown="float")
    assert any("rsqrt" in name for name in model.float_layers)
    x, expected = files.run(path)
    error = np.abs(outputs(keraslight.exact_model(model), x[0])[0] - expected[0]).max()
    assert error < 0.02 * np.abs(expected[0]).max()


def assert_equals_the_runtime_before(model, folder):
    path = keraslight.export_tflite(model, folder / "cut.tflite", check=False)
    assert_equals_the_runtime(model, path)


def test_a_uint8_file_with_asymmetric_weights(old):
    model = keraslight.load_tflite(old)
    assert model.input_type == "uint8"
    assert_equals_the_runtime(model, old)


@pytest.mark.parametrize("file", ["network", "old"])
def test_an_untouched_file_goes_back(file, request, tmp_path):
    path = request.getfixturevalue(file)
    again = keraslight.export_tflite(keraslight.load_tflite(path), tmp_path / "again.tflite")
    assert abs(again.stat().st_size / path.stat().st_size - 1) < 0.02
    for one, other in zip(files.run(path), files.run(again), strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_metadata_is_kept_or_replaced(int8_file, tmp_path):
    model = keraslight.load_tflite(int8_file)
    kept = keraslight.export_tflite(model, tmp_path / "kept.tflite")
    assert read_metadata(kept.read_bytes()) == read_metadata(int8_file.read_bytes())
    new = keraslight.export_tflite(model, tmp_path / "new.tflite", labels=["a", "b", "c"])
    assert read_metadata(new.read_bytes()).labels == ("a", "b", "c")


def test_the_input_type_stays(old, tmp_path):
    model = keraslight.load_tflite(old)
    with pytest.raises(ValueError, match="keeps the type of its input"):
        keraslight.export_tflite(model, tmp_path / "x.tflite", input_type="int8")


def test_a_loaded_model_is_saved_and_loaded(network, tmp_path):
    model = keraslight.load_tflite(network)
    model.save(tmp_path / "x.keras")
    again = keras.saving.load_model(tmp_path / "x.keras")
    assert_equals_the_runtime(again, network)
    keraslight.export_tflite(again, tmp_path / "again.tflite")
    np.testing.assert_array_equal(
        files.run(tmp_path / "again.tflite")[1][0], files.run(network)[1][0]
    )


def test_a_trained_model_computes_what_its_file_computes(network, tmp_path):
    model = keraslight.load_tflite(network, ranges="learned")
    before = model.get_weights()
    # large, so that ranges clip: only then do they have a gradient
    x = np.random.default_rng(0).normal(0, 3, (4, 16, 16, 3)).astype("float32")
    model.compile(
        keras.optimizers.Adam(1e-2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    model.fit(x, np.arange(4), verbose=0)
    changed = {
        weight.path: (old != weight.numpy()).any()
        for old, weight in zip(before, model.weights, strict=True)
    }
    assert all(value for path, value in changed.items() if path.endswith(("/kernel", "/bias")))
    assert any(value for path, value in changed.items() if "_range/" in path)
    path = keraslight.export_tflite(model, tmp_path / "trained.tflite")
    assert_equals_the_runtime(model, path)


def test_unknown_arguments_are_refused(network):
    with pytest.raises(ValueError, match="`ranges` must be one of"):
        keraslight.load_tflite(network, ranges="fixed")
    with pytest.raises(ValueError, match="`unknown` must be one of"):
        keraslight.load_tflite(network, unknown="ignore")
    with pytest.raises(ValueError, match="no such file"):
        keraslight.load_tflite("missing.tflite")
