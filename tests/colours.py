"""Pictures, a classifier of colours and its .tflite files, small enough for every test."""

import pathlib

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import keraslight
from keraslight.commands.main import main
from keraslight.tflite.metadata import image_metadata, write_metadata

CLASSES = ("blue", "green", "red")  # in alphabetical order, as folders are listed
SIZE = 32
MEAN, STD = (120.0, 110.0, 100.0), (60.0, 55.0, 50.0)


def colour_model() -> keras.Model:
    """A classifier that says which colour is the strongest, by a zero-padded convolution."""
    kernel = np.zeros((3, 3, 3, 3), "float32")
    for output, channel in enumerate((2, 1, 0)):
        kernel[:, :, channel, output] = np.array(STD)[channel] / 50 / 9
    means = np.array([MEAN[channel] for channel in (2, 1, 0)])
    inputs = keras.Input((SIZE, SIZE, 3), name="images")
    x = keras.layers.ZeroPadding2D(1)(inputs)
    conv = keras.layers.Conv2D(3, 3, 2, name="stem")
    x = conv(x)
    conv.set_weights([kernel, means / 50])
    x = keras.layers.GlobalAveragePooling2D()(x)
    dense = keras.layers.Dense(3, name="predictions")
    x = dense(x)
    dense.set_weights([5 * np.eye(3), np.zeros(3)])
    return keras.Model(inputs, x, name="colours")


@pytest.fixture(scope="session")
def model():
    return colour_model()


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory):
    """Eight noisy pictures a colour; of each, one has the wrong colour and so must be missed."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for label, channel in zip(CLASSES, (2, 1, 0), strict=True):
        (folder / label).mkdir()
        for number in range(8):
            pixels = rng.integers(0, 160, (40 + number, 48, 3))
            pixels[..., channel if number else (channel + 1) % 3] += 90
            image = Image.fromarray(pixels.clip(0, 255).astype("uint8"))
            image.save(folder / label / f"{number}.{'png' if number % 2 else 'jpg'}")
    return folder


@pytest.fixture(scope="session")
def float_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("float") / "colours_float.tflite"
    return keraslight.export_tflite(model, path, labels=CLASSES, normalization=(MEAN, STD))


@pytest.fixture(scope="session")
def int8_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "colours_int8.tflite"
    quantized = keraslight.quantize_model(model)
    pixels = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3))
    normal = ((pixels - np.array(MEAN)) / np.array(STD)).astype("float32")
    keraslight.calibrate(quantized, [normal], "minmax", verbose=0)
    return keraslight.export_tflite(quantized, path, labels=CLASSES, normalization=(MEAN, STD))


@pytest.fixture(scope="session")
def plain_file(model, tmp_path_factory):
    """A float file without metadata."""
    return keraslight.export_tflite(model, tmp_path_factory.mktemp("plain") / "plain.tflite")


@pytest.fixture(scope="session")
def add_metadata():
    def add(path: pathlib.Path, target: pathlib.Path, **values) -> pathlib.Path:
        outputs = len(values.get("labels") or CLASSES)
        content = write_metadata(path.read_bytes(), image_metadata("other", outputs, **values))
        target.write_bytes(content)
        return target

    return add


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs `keraslight` in this process, in a folder of its own.

    The result has `exit_code`, `stdout`, `stderr`, and `output` of both.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(main, [str(x) for x in arguments], prog_name="keraslight")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception  # a user would see a traceback
        return result

    return run
