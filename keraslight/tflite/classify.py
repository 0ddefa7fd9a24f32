"""Runs an image classifier in a .tflite file on many pictures, in several processes."""

import concurrent.futures
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from keraslight.failures import Failure
from keraslight.pictures.folder import Picture
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.tflite.labels import labels_of, outputs_of_labels
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner

TOP = 5
# what the metadata of a file say beside the normalization
POLICY = ("resize", "crop", "interpolation")
SECONDS_BETWEEN_LINES = 5
# operators whose results are probabilities as they are
PROBABILITIES = ("SOFTMAX", "LOGISTIC")


@dataclass(frozen=True)
class Predictions:
    """The best classes of every picture.

    Attributes:
        pictures: list of `Picture`, those that could be read.
        classes: int array of shape `(pictures, 5)`, the best class first.
        scores: float array of that shape: probabilities.
        unreadable: list of messages, one for each picture that could not be read.
    """

    pictures: list[Picture]
    classes: np.ndarray
    scores: np.ndarray
    unreadable: list[str]


class Classifier:
    """An image classifier in a .tflite file, its preprocessing and the labels of its outputs.

    What the file's metadata say is used unless it is given. What neither says is assumed with a
    warning, or refused.

    Args:
        path: path of the file.
        labels: optional names of the classes, in the order of the outputs; or `"imagenet"`.
        preprocessing: optional dict of arguments of `keraslight.pictures.Preprocessing`.
        tell: function that gets a message for everything that is assumed. Warns by default.

    Attributes:
        model: the `ModelFile`.
        runner: the `TFLiteRunner`.
        outputs: int, the number of classes.
        labels: tuple of the names of the classes, empty if they are not known.
        preprocessing: the `Preprocessing`.
        softmax: bool, whether the file returns logits, so that the scores are the softmax of them.

    Raises:
        ValueError: if the file is not an image classifier, the labels are not as many as the
            outputs, or it is not known how the input is normalized.

    Example:
    ```python
    classifier = keraslight.tflite.Classifier("model.tflite")
    pictures = keraslight.pictures.list_pictures("pictures/val")
    predictions = classifier.predict(pictures, workers=4)
    print(keraslight.tflite.accuracy_of(predictions, classifier.places(pictures))["top1"])
    ```
    """

    def __init__(
        self,
        path: str | os.PathLike,
        labels: Sequence[str] | str | None = None,
        preprocessing: dict | None = None,
        tell: Callable[[str], None] = warnings.warn,
    ):
        self.model, self.runner = ModelFile(path), TFLiteRunner(path)
        self.outputs = self.runner.classes
        if self.runner.dynamic_batch:
            tell(f"'{path}' leaves the size of the batch open: it runs with 1 here")
        self.preprocessing = preprocessing_of(self.model, self.runner, preprocessing, tell)
        metadata = self.model.metadata
        in_file = metadata.labels if metadata is not None else None
        self.labels = labels_of(labels or in_file, self.outputs)
        self.softmax = self.model.last_operator not in PROBABILITIES

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.model.path.name

    def facts(self) -> dict:
        """Returns what identifies and describes the file, for a result in JSON."""
        return self.model.facts()

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
            workers: int, the number of processes, each with one thread.
            skip_unreadable: bool, whether to go on without a picture that cannot be read.
            top: int, how many of the best classes to return.

        Raises:
            ValueError: if a picture cannot be read.
        """
        sources = [picture.source for picture in pictures]
        workers = min(workers, len(sources)) or 1
        if workers == 1:
            worker = _Worker(self.runner, self.preprocessing, self.softmax, top)
            return collect(pictures, map(worker, sources), skip_unreadable)
        setup = (os.fspath(self.model.path), self.preprocessing, self.softmax, top)
        with concurrent.futures.ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), _set_up, setup
        ) as pool:
            jobs = pool.map(_best, sources, chunksize=min(16, -(-len(sources) // workers)))
            try:
                return collect(pictures, jobs, skip_unreadable)
            except concurrent.futures.BrokenExecutor as error:
                raise Failure(
                    "A process that classified pictures was ended, perhaps for want of memory: "
                    f"use fewer. Received: workers={workers}"
                ) from error


def preprocessing_of(
    model: ModelFile,
    runner: TFLiteRunner,
    given: dict | None = None,
    tell: Callable[[str], None] = warnings.warn,
) -> Preprocessing:
    """Returns what a file's metadata say of its input, with what the user says in its place.

    Args:
        model: the file.
        runner: the same file, ready to run.
        given: optional dict of arguments of `Preprocessing`.
        tell: function that gets a message for everything that is assumed. Warns by default.

    Raises:
        ValueError: if an input other than uint8 has no normalization, neither in the file nor
            given.
    """
    height, width, channels = runner.input_shape
    settings = {"height": height, "width": width, "channels": channels}
    metadata = model.metadata
    if metadata is not None:
        written = metadata.preprocessing
        settings.update({name: written[name] for name in POLICY if written.get(name) is not None})
        if metadata.mean:
            settings.update(mean=metadata.mean, std=metadata.std)
    settings.update(given or {})
    if ("mean" in settings) != ("std" in settings):
        raise ValueError(f"Pass both the mean and the std (--mean, --std). Received: {given}")
    if "mean" not in settings:
        settings.update(_pixels_as_they_are(model, runner, tell))
    for name in ("resize", "mean", "std"):
        if isinstance(settings.get(name), list):
            settings[name] = tuple(settings[name])
    preprocessing = Preprocessing(**settings)
    if settings.get("resize") is None and settings.get("crop") is None:
        tell(
            f"'{model.path}' does not say how pictures are resized: the shorter side is scaled to "
            f"{preprocessing.policy()['resize']} pixels and the centre is cut out; --resize and "
            "--crop say otherwise"
        )
    return preprocessing


def _pixels_as_they_are(model, runner, tell):
    """Returns the normalization that the quantization of a uint8 input undoes.

    Other inputs are refused. An int8 input would take pixels less 128, which is right for some
    files, and wrong without a sign of it for those whose input was normalized first.
    """
    if runner.input["dtype"] != np.uint8:
        raise ValueError(
            f"'{model.path}' does not say how its input is normalized: pass --mean and --std, of "
            "pixels from 0 to 255 (0 and 1 for none). Received: an input of "
            f"{np.dtype(runner.input['dtype']).name} without normalization in the metadata"
        )
    tell(
        f"'{model.path}' does not say how its input is normalized: its uint8 input gets the pixels "
        "as they are; --mean and --std say otherwise"
    )
    scale, zero_point = runner.input["quantization"]
    return {"mean": (zero_point,), "std": (1 / scale if scale else 1.0,)}


def best_of(outputs: np.ndarray, softmax: bool, top: int = TOP) -> tuple[np.ndarray, np.ndarray]:
    """Returns the best classes of one picture and their scores.

    Args:
        outputs: float array of shape `(classes,)`.
        softmax: bool, whether they are logits, of which the softmax is taken.
        top: int, how many classes to return.
    """
    best = np.argsort(-outputs, kind="stable")[:top]
    if softmax:
        powers = np.exp(outputs - outputs.max(), dtype="float64")
        outputs = powers / powers.sum()
    return best, outputs[best]


class _Worker:
    """Classifies one picture: its best classes and their scores, or why it cannot be read."""

    def __init__(self, runner, preprocessing, softmax, top):
        self.runner, self.preprocessing = runner, preprocessing
        self.softmax, self.top = softmax, top

    def __call__(self, source):
        try:
            image = self.preprocessing(source)
        except ValueError as error:
            return str(error)
        outputs = self.runner.dequantized(self.runner.run(image)).ravel()
        return best_of(outputs, self.softmax, self.top)


_WORKER = {}


def _set_up(path, *settings):
    _WORKER["this"] = _Worker(TFLiteRunner(path), *settings)


def _best(source):
    return _WORKER["this"](source)


def collect(pictures: Sequence[Picture], results: Iterable, skip_unreadable: bool) -> Predictions:
    """Gathers the results of pictures, and tells how far it is every few seconds.

    Args:
        pictures: list of `Picture`.
        results: for each of them what `best_of` returns, or why it cannot be read.
        skip_unreadable: bool, whether to go on without a picture that cannot be read.

    Raises:
        ValueError: if a picture cannot be read.
    """
    collected, shown = [], time.monotonic()
    for result in results:
        if isinstance(result, str) and not skip_unreadable:
            raise ValueError(f"{result} (--skip_unreadable goes on without it)")
        collected.append(result)
        if time.monotonic() - shown > SECONDS_BETWEEN_LINES:
            shown = time.monotonic()
            print(f"{len(collected)} of {len(pictures)} pictures", file=sys.stderr, flush=True)
    read = [index for index, result in enumerate(collected) if not isinstance(result, str)]
    if not read:
        first = f": {collected[0]}" if collected else ""
        raise ValueError(f"No picture could be read{first}. Received: {len(pictures)} pictures")
    return Predictions(
        [pictures[index] for index in read],
        np.stack([collected[index][0] for index in read]),
        np.stack([collected[index][1] for index in read]),
        [result for result in collected if isinstance(result, str)],
    )
