"""Runs a classifier on many pictures, in several processes."""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keraslight.pictures.folder import Picture
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner

TOP = 5
SECONDS_BETWEEN_LINES = 5


@dataclass(frozen=True)
class Predictions:
    """The best classes of every picture.

    Attributes:
        pictures: the pictures that could be read.
        classes: int array of shape `(pictures, 5)`, the best class first.
        scores: float array of that shape.
        unreadable: messages, one for each picture that could not be read.
    """

    pictures: list[Picture]
    classes: np.ndarray
    scores: np.ndarray
    unreadable: list[str]


def preprocessing_of(
    model: ModelFile, runner: TFLiteRunner, given: dict | None = None
) -> Preprocessing:
    """Returns what a file's metadata says of its input, with what the user says in its place.

    An integer input without any normalization takes pixels as they are.

    Args:
        model: the file.
        runner: the same file, ready to run.
        given: optional dict of arguments of `Preprocessing`.

    Raises:
        ValueError: if a float input has no normalization, neither in the file nor given.
    """
    height, width, channels = runner.input_shape
    settings = {"height": height, "width": width, "channels": channels}
    metadata = model.metadata
    if metadata is not None:
        settings.update(metadata.preprocessing)
        if metadata.mean:
            settings.update(mean=metadata.mean, std=metadata.std)
    settings.update(given or {})
    if ("mean" in settings) != ("std" in settings):
        raise ValueError(f"Pass both --mean and --std. Received: {given}")
    if "mean" not in settings:
        if not np.issubdtype(runner.input["dtype"], np.integer):
            raise ValueError(
                "The file does not say how its float input is normalized: pass --mean and --std, "
                "of pixels from 0 to 255 (0 and 1 for none). "
                f"Received: '{model.path}' without metadata"
            )
        settings.update(_as_they_are(runner.input))
    known = {field.name for field in dataclasses.fields(Preprocessing)}
    settings = {name: value for name, value in settings.items() if name in known}
    for name in ("resize", "mean", "std"):
        if isinstance(settings.get(name), list):
            settings[name] = tuple(settings[name])
    return Preprocessing(**settings)


def _as_they_are(details):
    """Returns the normalization which the quantization of an integer input undoes."""
    scale, zero_point = details["quantization"]
    lowest = np.iinfo(details["dtype"]).min
    return {"mean": (zero_point - lowest,), "std": (1 / scale if scale else 1.0,)}


def classify(
    path: str | os.PathLike,
    pictures: Sequence[Picture],
    preprocessing: Preprocessing,
    workers: int = 1,
    skip_unreadable: bool = False,
) -> Predictions:
    """Runs a classifier on pictures.

    Args:
        path: path of the .tflite file.
        pictures: list of `Picture`.
        preprocessing: what is done to them.
        workers: int, the number of processes, each with one thread.
        skip_unreadable: bool, whether to go on without a picture that cannot be read.

    Raises:
        ValueError: if a picture cannot be read.
    """
    setup = (os.fspath(path), preprocessing)
    sources = [picture.source for picture in pictures]
    if workers == 1:
        _set_up(*setup)
        results = _collect(map(_best, sources), len(sources), skip_unreadable)
    else:
        with concurrent.futures.ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), _set_up, setup
        ) as pool:
            jobs = pool.map(_best, sources, chunksize=min(16, -(-len(sources) // workers)))
            results = _collect(jobs, len(sources), skip_unreadable)
    read = [index for index, result in enumerate(results) if not isinstance(result, str)]
    if not read:
        raise ValueError(f"No picture could be read. The first: {results[0]}")
    return Predictions(
        [pictures[index] for index in read],
        np.stack([results[index][0] for index in read]),
        np.stack([results[index][1] for index in read]),
        [result for result in results if isinstance(result, str)],
    )


_WORKER = {}


def _set_up(path, preprocessing):
    _WORKER.update(runner=TFLiteRunner(path), preprocessing=preprocessing)


def _best(source):
    """Returns the best classes of a picture and their scores, or why it cannot be read."""
    try:
        image = _WORKER["preprocessing"](source)
    except ValueError as error:
        return str(error)
    runner = _WORKER["runner"]
    scores = runner.dequantized(runner.run(image)).ravel()
    best = np.argsort(-scores, kind="stable")[:TOP]
    return best, scores[best]


def _collect(results, total, skip_unreadable):
    collected, shown = [], time.monotonic()
    for result in results:
        if isinstance(result, str) and not skip_unreadable:
            raise ValueError(f"{result} (--skip_unreadable goes on without it)")
        collected.append(result)
        if time.monotonic() - shown > SECONDS_BETWEEN_LINES:
            shown = time.monotonic()
            print(f"{len(collected)} of {total} pictures", file=sys.stderr, flush=True)
    return collected
