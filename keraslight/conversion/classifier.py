"""Runs a Keras model as a classifier, as `keraslight.tflite.Classifier` runs a file."""

import collections
import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np

import keraslight
from keraslight.conversion.keras_model import image_shape, load_model
from keraslight.conversion.known import known_preprocessing
from keraslight.export.softmax import ends_in_logits
from keraslight.pictures.folder import Picture
from keraslight.pictures.names import imagenet_classes
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.tflite.classify import TOP, Predictions, best_of, collect
from keraslight.tflite.labels import IMAGENET, labels_of, outputs_of_labels

BATCH = 32


class KerasClassifier:
    """An image classifier as a Keras model, its preprocessing and the labels of its outputs.

    It has the interface of `keraslight.tflite.Classifier`, so that a model and the files made of it
    are scored alike.

    Args:
        name: one of `keraslight.list_models()`, a .keras file, or the folder of a run of training.
        weights: optional, as `keraslight.create_model` and `keraslight.load_checkpoint` take it.
            Defaults to `"imagenet"` for a name.
        size: optional `(height, width)` of the input, needed where the model takes any.
        labels: optional names of the classes, in the order of the outputs; or `"imagenet"`.
        preprocessing: optional dict of arguments of `keraslight.pictures.Preprocessing`.
        tell: function that gets a message for everything that is assumed. Warns by default.

    Attributes:
        model: the Keras model.
        outputs: int, the number of classes.
        labels: tuple of the names of the classes, empty if they are not known.
        preprocessing: the `Preprocessing`.
        softmax: bool, whether the model returns logits, so that the scores are the softmax of them.

    Raises:
        ValueError: if there is no such model, it is not an image classifier, or it is not known how
            its input is normalized.

    Example:
    ```python
    classifier = keraslight.conversion.classifier.KerasClassifier("runs/first")
    predictions = classifier.predict(keraslight.pictures.list_pictures("pictures/val"))
    ```
    """

    def __init__(
        self,
        name: str,
        weights: str | None = None,
        size: tuple[int, int] | None = None,
        labels: Sequence[str] | str | None = None,
        preprocessing: dict | None = None,
        tell: Callable[[str], None] = warnings.warn,
    ):
        named = name in keraslight.list_models()
        weights = weights or (IMAGENET if named else None)
        source = load_model(name, weights, size=size)
        self.model, self.file = source.model, name
        self.input_shape = image_shape(self.model, size)
        shape = self.model.output_shape
        if not isinstance(shape, tuple) or len(shape) != 2 or (shape[-1] or 0) < 2:
            raise ValueError(
                "The model is not an image classifier, which returns (batch, classes). "
                f"Received: {name} with the output {shape}"
            )
        self.outputs = shape[-1]
        published = weights == IMAGENET and self.outputs == len(imagenet_classes())
        known = source.labels or (IMAGENET if published else None)
        self.labels = labels_of(labels or known, self.outputs)
        settings = known_preprocessing(source, *self.input_shape[:2])
        given = preprocessing or {}
        if settings and not (source.recipe or named or "mean" in given):
            tell(
                f"'{name}' does not say how its input is normalized: it is taken to be as for "
                f"ImageNet, by the mean {settings['mean']} and the deviation {settings['std']}; "
                "--mean and --std say otherwise"
            )
        settings.update(given)
        if not {"mean", "std"} <= set(settings):
            raise ValueError(
                "How the model's input is normalized is not known: pass --mean and --std, of "
                f"pixels from 0 to 255 (0 and 1 for none). Received: {name!r}"
            )
        self.preprocessing = Preprocessing(*self.input_shape, **settings)
        self.softmax = ends_in_logits(self.model)

    def facts(self) -> dict:
        """Returns what identifies and describes the model, for a result in JSON."""
        digest = hashlib.sha256()
        weights = [keras.ops.convert_to_numpy(weight) for weight in self.model.weights]
        for values in weights:
            digest.update(np.ascontiguousarray(values).tobytes())
        layers = collections.Counter(type(layer).__name__ for layer in self.model.layers)
        quantized = isinstance(self.model, QuantizedModel)
        return {
            "name": self.model.name,
            "file": self.file,
            "sha256": digest.hexdigest(),
            "size_bytes": sum(values.nbytes for values in weights),
            "quantization": "int8, simulated" if quantized else self.model.dtype_policy.name,
            "input_shape": [1, *self.input_shape],
            "macs": keraslight.count_macs(self.model, self.input_shape),
            "operators": dict(layers.most_common()),
        }

    def places(self, pictures: Sequence[Picture]) -> dict[str, set[int]]:
        """Returns the outputs that stand for the class of each picture.

        Raises:
            ValueError: if the class of a picture is not among the labels.
        """
        return outputs_of_labels(pictures, self.labels, self.outputs)

    def predict(
        self,
        pictures: Sequence[Picture],
        workers: int = 1,
        skip_unreadable: bool = False,
        top: int = TOP,
    ) -> Predictions:
        """Classifies pictures.

        Args:
            pictures: list of `keraslight.pictures.Picture`.
            workers: int, not used: Keras uses all processors.
            skip_unreadable: bool, whether to go on without a picture that cannot be read.
            top: int, how many of the best classes to return.

        Raises:
            ValueError: if a picture cannot be read.
        """
        return collect(pictures, self._results(pictures, top), skip_unreadable)

    def _results(self, pictures, top) -> Iterator:
        for start in range(0, len(pictures), BATCH):
            results = [self._read(picture.source) for picture in pictures[start : start + BATCH]]
            images = [result for result in results if not isinstance(result, str)]
            outputs = iter(self.model.predict_on_batch(np.stack(images)) if images else ())
            for result in results:
                if isinstance(result, str):
                    yield result
                else:
                    logits = keras.ops.convert_to_numpy(next(outputs))
                    yield best_of(logits.astype("float32"), self.softmax, top)

    def _read(self, source):
        try:
            return self.preprocessing(source)
        except ValueError as error:
            return str(error)
