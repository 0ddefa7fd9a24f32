"""Writes a folder with a page that runs a .tflite file in a browser."""

import base64
import importlib.resources
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Sequence

from keraslight.browser_page import self_test
from keraslight.browser_page.runtime import (
    PACKAGE,
    RUNTIMES,
    VERSION,
    describe,
    runtime_archive,
    write_runtimes,
)
from keraslight.pictures.names import display_names
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.record import command_line
from keraslight.tflite.classify import Classifier
from keraslight.tflite.runner import TFLiteRunner

ASSETS = ("index.html", "page.css", "picture.js", "runtime.js", "figures.js", "page.js")
# how far the scores of a float file may differ between processors
TOLERANCE = 1e-4


def write_page(
    folder: str | os.PathLike,
    path: str | os.PathLike,
    labels: Sequence[str] | str | None = None,
    preprocessing: dict | None = None,
    runtime: str | os.PathLike | None = None,
    tell: Callable[[str], None] = print,
) -> pathlib.Path:
    """Writes a folder with a page that runs an image classifier in any browser.

    The page needs no network and no other file. It classifies pictures and what the camera sees,
    measures the latency, and tests whether the browser computes what LiteRT computes here.

    Args:
        folder: path of the folder; it must be empty or not there yet, or hold an earlier page.
        path: path of the .tflite file.
        labels: optional names of the classes in the order of the outputs, or `"imagenet"`.
        preprocessing: optional dict of arguments of `keraslight.pictures.Preprocessing`.
        runtime: optional path of the npm package of LiteRT.js, which npm fetches by default.
        tell: function that gets a message for everything that is assumed.

    Returns:
        The path of the page.

    Raises:
        OSError: if LiteRT.js cannot be fetched.
        ValueError: if the file is not an image classifier of float32, int8 or uint8, or the folder
            holds something else.

    Example:
    ```python
    from keraslight.browser_page import write_page

    write_page("page", "model.tflite")
    ```
    """
    folder = pathlib.Path(folder)
    page = folder / "index.html"
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not page.is_file())):
        raise ValueError(
            f"The folder must be empty, or hold a page that is to be replaced. Received: '{folder}'"
        )
    classifier = Classifier(path, labels, preprocessing, tell)
    _require_types(classifier.runner)
    archive = runtime_archive(runtime)
    content = json.dumps(_content(classifier), indent=1)
    folder.mkdir(parents=True, exist_ok=True)
    write_runtimes(archive, folder / "runtime")
    (folder / "model.js").write_text(f"self.keraslightModel = {content};\n", encoding="utf-8")
    assets = importlib.resources.files(__package__) / "assets"
    for name in ASSETS:
        with importlib.resources.as_file(assets / name) as asset:
            shutil.copyfile(asset, folder / name)
    return page


def _require_types(runner: TFLiteRunner):
    kinds = {str(end["dtype"].__name__) for end in (runner.input, runner.output)}
    if not kinds <= {"float32", "int8", "uint8"}:
        raise ValueError(
            "The input and the output must be float32, int8 or uint8. "
            f"Received: {sorted(kinds)} in '{runner.path}'"
        )


def _content(classifier: Classifier) -> dict:
    """Returns all that the page knows of the file."""
    labels = classifier.labels or [f"class {index}" for index in range(classifier.outputs)]
    shown = display_names(labels, {})
    facts = classifier.facts()
    size = "x".join(str(side) for side in classifier.runner.input_shape)
    return {
        "file": base64.b64encode(classifier.model.path.read_bytes()).decode(),
        "facts": facts,
        "about": f"{facts['quantization']}, {facts['size_bytes'] / 1e6:.2f} MB, "
        f"{facts['macs'] / 1e6:.0f} million multiply-adds, input {size}",
        "command": command_line(),
        "runtime": f"{PACKAGE} {VERSION}",
        "runtimes": [describe(runtime) for runtime in RUNTIMES],
        "names": [shown[label] for label in labels],
        "softmax": classifier.softmax,
        "preprocessing": _settings(classifier.preprocessing),
        "input": classifier.model.inputs[0].to_dict(),
        "output": classifier.model.outputs[0].to_dict(),
        "tolerance": TOLERANCE,
        "tests": self_test.cases(classifier),
        "picture": self_test.resized_picture(classifier),
    }


def _settings(preprocessing: Preprocessing) -> dict:
    return {
        **preprocessing.describe(),
        "height": preprocessing.height,
        "width": preprocessing.width,
        "channels": preprocessing.channels,
        "cropIsShare": isinstance(preprocessing.crop, float),
    }
