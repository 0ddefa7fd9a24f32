"""Two ways to a trained int8 file."""

import functools
import json
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

import keraslight
from keraslight.compat import tflite_converter
from keraslight.export.concrete_function import concrete_function
from keraslight.files import write_json
from keraslight.graph.graph import trace
from keraslight.tflite import TFLiteRunner

L = keras.layers
BATCH = 64
CALIBRATION = 200
RATE, RATE_OF_INT8 = 3e-3, 2e-4
# output channels and strides of the depthwise separable convolutions
BLOCKS = ((32, 2), (64, 2), (64, 1), (128, 2), (128, 1))


@dataclass
class Study:
    """The network, the files made of it, and their accuracy.

    Attributes:
        data: folder with train/ and val/.
        runs: folder for what is trained.
        size: int, height and width of the pictures.
        epochs: int, of the float network.
        seed: int.
    """

    data: pathlib.Path
    runs: pathlib.Path
    size: int
    epochs: int
    seed: int

    def rows(self) -> list[dict]:
        """Returns the accuracy of every file."""
        self.runs.mkdir(parents=True, exist_ok=True)
        ways = {"file of TensorFlow": self.imported, "network": self.quantized}
        return [
            {"start": name, "before": before, "after": after, "pictures": len(self.val[1])}
            for name, way in ways.items()
            for before, after in [self.kept(name.replace(" ", "_"), way)]
        ]

    def kept(self, name: str, way: Callable) -> tuple[float, float]:
        """Returns the accuracy of a way before and after its epoch, which is kept in a file."""
        path = self.runs / f"{name}.json"
        if not path.is_file():
            keras.utils.set_random_seed(self.seed)
            before, after = (self.accuracy(file) for file in way())
            write_json(path, {"before": before, "after": after})
        found = json.loads(path.read_text())
        return found["before"], found["after"]

    def imported(self) -> tuple[pathlib.Path, pathlib.Path]:
        """Trains the file that TensorFlow's converter makes, and returns both."""
        import tensorflow as tf

        before = self.runs / "tensorflow.tflite"
        shape = (1, self.size, self.size, 3)
        converter = tflite_converter(concrete_function(trace(self.network), [shape]))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        images = self.train[0][:CALIBRATION]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        before.write_bytes(converter.convert())
        return before, self.trained(keraslight.load_tflite(before, ranges="average"), "imported")

    def quantized(self) -> tuple[pathlib.Path, pathlib.Path]:
        """Quantizes and trains the network itself, and returns the file before and after."""
        model = keraslight.quantize_model(keraslight.fuse(self.network), ranges="average")
        batches = np.split(self.train[0][:CALIBRATION], 4)
        keraslight.calibrate(model, batches, verbose=0)
        before = keraslight.export_tflite(model, self.runs / "calibrated.tflite")
        return before, self.trained(model, "quantized")

    def trained(self, model: keras.Model, name: str) -> pathlib.Path:
        """Trains a quantized model for an epoch and writes it."""
        steps = len(self.train[0]) // BATCH
        compiled(model, keras.optimizers.schedules.CosineDecay(RATE_OF_INT8, steps))
        model.fit(*self.train, batch_size=BATCH, epochs=1, verbose=2)
        return keraslight.export_tflite(model, self.runs / f"{name}.tflite")

    @functools.cached_property
    def network(self) -> keras.Model:
        """The float network, trained."""
        path = self.runs / "float.keras"
        if not path.is_file():
            keras.utils.set_random_seed(self.seed)
            model = network(self.size)
            steps = self.epochs * (len(self.train[0]) // BATCH)
            compiled(model, keras.optimizers.schedules.CosineDecay(RATE, steps))
            model.fit(*self.train, batch_size=BATCH, epochs=self.epochs, verbose=2)
            model.save(path)
        return keras.saving.load_model(path)

    @functools.cached_property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """The pictures of train/, from -1 to 1, and their classes, in a drawn order."""
        images, labels = self._read("train")
        order = np.random.default_rng(self.seed).permutation(len(labels))
        return images[order], labels[order]

    @functools.cached_property
    def val(self) -> tuple[np.ndarray, np.ndarray]:
        """The pictures of val/."""
        return self._read("val")

    def _read(self, part):
        data = keras.utils.image_dataset_from_directory(
            self.data / part,
            image_size=(self.size, self.size),
            batch_size=256,
            shuffle=False,
            verbose=False,
        )
        images, labels = zip(*data.as_numpy_iterator(), strict=True)
        return np.concatenate(images).astype("float32") / 127.5 - 1, np.concatenate(labels)

    def accuracy(self, path: pathlib.Path) -> float:
        """Returns the share of the pictures of val/ that a file classifies rightly."""
        images, labels = self.val
        return round(float((TFLiteRunner(path).predict(images).argmax(-1) == labels).mean()), 4)

    def fingerprint(self) -> str:
        """Returns what says which pictures were used."""
        counts = (len(self.train[1]), len(self.val[1]))
        return f"{counts[0]} pictures to train with, {counts[1]} to score, of {self.data.name}"


def network(size: int) -> keras.Model:
    """Returns a small network of depthwise separable convolutions."""
    inputs = keras.Input((size, size, 3))
    x = activated(L.Conv2D(16, 3, 2, "same", use_bias=False)(inputs))
    for channels, stride in BLOCKS:
        x = activated(L.DepthwiseConv2D(3, stride, "same", use_bias=False)(x))
        x = activated(L.Conv2D(channels, 1, use_bias=False)(x))
    return keras.Model(inputs, L.Dense(10)(L.GlobalAveragePooling2D()(x)))


def activated(x):
    """Normalizes and applies ReLU6."""
    return L.ReLU(6.0)(L.BatchNormalization(momentum=0.9)(x))


def compiled(model: keras.Model, rate) -> None:
    """Compiles a classifier of logits."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
