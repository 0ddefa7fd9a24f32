"""Pixels in, class names out."""

import hashlib
import json
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keraslight
from keraslight.pictures.names import imagenet_classes
from keraslight.weights import registry
from keraslight.weights.inference import preprocessing_of

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


@pytest.fixture(autouse=True)
def fresh_session():
    """Hardly a model is built here."""


def photo(height, width, seed=0):
    """Something between noise and a gradient."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.BICUBIC), "float32")
    return (smooth + rng.normal(0, 12, smooth.shape)).clip(0, 255).astype("uint8")


def with_pillow(image, resize, size):
    """The evaluation of torchvision and timm: shorter side, centre, mean and deviation."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    scaled = Image.fromarray(image).resize(
        (int(resize * width / shorter), int(resize * height / shorter)), Image.BILINEAR
    )
    left, top = round((scaled.width - size) / 2), round((scaled.height - size) / 2)
    pixels = np.asarray(scaled.crop((left, top, left + size, top + size)), "float32")
    return (pixels / 255 - MEAN) / STD


@pytest.mark.parametrize("shape", [(375, 500), (500, 333), (256, 256), (100, 140), (1200, 901)])
def test_evaluation_preprocessing_is_that_of_the_image_libraries(shape):
    image = photo(*shape)
    received = keras.ops.convert_to_numpy(
        keraslight.preprocess_image(image, model="vgnetg_1_0mp")  # 232 to 224
    )
    np.testing.assert_allclose(received, with_pillow(image, 232, 224), atol=1e-5)


def test_another_size_keeps_the_proportion():
    image = photo(300, 400)
    received = keraslight.preprocess_image(image, model="vgnete_1_5mp", size=112)  # 256 to 224
    np.testing.assert_allclose(received, with_pillow(image, 128, 112), atol=1e-5)


def test_batches_and_data_sets():
    images = np.stack([photo(120, 160, seed) for seed in range(2)])
    expected = [keraslight.preprocess_image(image, "vgnetg_1_0mp", size=64) for image in images]
    expected = keras.ops.convert_to_numpy(keras.ops.stack(expected))
    batch = keraslight.preprocess_image(images, "vgnetg_1_0mp", size=64)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(batch), expected, atol=1e-5)
    pipeline = tf.data.Dataset.from_generator(
        lambda: iter(images), output_signature=tf.TensorSpec((None, None, 3), tf.uint8)
    ).map(lambda image: keraslight.preprocess_image(image, "vgnetg_1_0mp", size=64))
    assert pipeline.element_spec.shape == (64, 64, 3)
    for received, image in zip(pipeline, expected, strict=True):
        np.testing.assert_allclose(received, image, atol=1e-5)


def test_preprocess_input():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    received = keraslight.preprocess_input(pixels, model="vgnetg_1_0mp")
    assert isinstance(received, np.ndarray)
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, (pixels / 255 - MEAN) / STD, atol=1e-5)
    tensor = keraslight.preprocess_input(keras.ops.convert_to_tensor(pixels), "vgnetg_1_0mp")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(tensor), received, atol=1e-5)
    assert keraslight.preprocess_input(keras.Input((8, 8, 3)), "vgnetg_1_0mp").shape[1:] == (
        8,
        8,
        3,
    )


def test_a_model_knows_its_preprocessing():
    model = keraslight.VGNetG(input_shape=(32, 32, 3))
    assert preprocessing_of(model).resize == 232
    assert preprocessing_of(keraslight.VGNetG(version=1, input_shape=(32, 32, 3))).resize == 256
    for unknown in (keras.Model(model.inputs, model.outputs), "vgnet", None):
        with pytest.raises(ValueError, match=r"list_models\(\).*Received: model="):
            keraslight.preprocess_input(np.zeros((1, 2, 2, 3)), unknown)


def test_weights_of_the_second_source_may_want_another_preprocessing():
    model = keraslight.VGNetG(input_shape=(32, 32, 3))
    official = next(
        weights for weights in registry.published_weights() if weights.name.startswith("igcv3")
    )
    model.architecture = {"name": official.name}
    assert preprocessing_of(model) == official.preprocessing
    model.architecture["weights"] = official.sources[1].file
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3))
    received = keraslight.preprocess_input(pixels, model)
    np.testing.assert_allclose(received, pixels - [123.68, 116.779, 103.939], atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 4, 4, 1), (1, 3, 4, 4), (4, 4, 4), ()])
def test_pixels_that_are_not_rgb(shape):
    """A mean of three channels would make one channel three."""
    with pytest.raises(ValueError, match=f"RGB.*Received: x of shape {re.escape(str(shape))}"):
        keraslight.preprocess_input(np.zeros(shape), "vgnetg_1_0mp")


def test_images_that_are_not_rgb():
    for shape in ((300, 400), (300, 400, 1), (3, 300, 400), (1, 1, 300, 400, 3)):
        with pytest.raises(
            ValueError, match=f"RGB.*Received: image of shape {re.escape(str(shape))}"
        ):
            keraslight.preprocess_image(np.zeros(shape), "vgnetg_1_0mp")
    for size in (0, 2.5):
        with pytest.raises(ValueError, match=f"Received: size={size}"):
            keraslight.preprocess_image(np.zeros((300, 400, 3)), "vgnetg_1_0mp", size=size)


def test_the_class_names_are_those_of_keras():
    names = {str(index): list(names) for index, names in enumerate(imagenet_classes())}
    digest = hashlib.md5(json.dumps(names).encode()).hexdigest()
    source = pathlib.Path(keras.applications.imagenet_utils.decode_predictions.__code__.co_filename)
    assert f'file_hash="{digest}"' in source.read_text()


def test_decode_predictions():
    predictions = np.zeros((2, 1000), "float32")
    predictions[0, [1, 0, 999]] = 0.5, 0.3, 0.2
    predictions[1, 281] = 1
    expected = [
        [("n01443537", "goldfish", 0.5), ("n01440764", "tench", 0.3)],
        [("n02123045", "tabby", 1.0), ("n01440764", "tench", 0.0)],
    ]
    for values in (predictions, keras.ops.convert_to_tensor(predictions)):
        received = keraslight.decode_predictions(values, top=2)
        assert [[name[:2] for name in row] for row in received] == [
            [name[:2] for name in row] for row in expected
        ]
        assert received[0][0][2] == 0.5
    assert len(keraslight.decode_predictions(predictions)[0]) == 5


@pytest.mark.parametrize(
    ("shape", "top", "message"),
    [
        ((1000,), 5, r"Received: predictions of shape \(1000,\)"),
        ((2, 10), 5, r"Received: predictions of shape \(2, 10\)"),
        ((2, 1000), 0, "Received: top=0"),
        ((2, 1000), 1001, "Received: top=1001"),
        ((2, 1000), 2.5, "Received: top=2.5"),
    ],
)
def test_bad_predictions(shape, top, message):
    with pytest.raises(ValueError, match=message):
        keraslight.decode_predictions(np.zeros(shape), top)
