"""The Kotlin of the Android app: all of it is compiled, and what needs no Android is run.

Android, CameraX, Compose and LiteRT are replaced by stubs. The results are compared with Python's.
"""

import base64
import json
import pathlib
import shutil
import subprocess
import types

import numpy as np
import pytest
import tensorflow as tf

from keraslight.download import cache_folder
from keraslight.pictures.preprocessing import INTERPOLATIONS, Preprocessing
from keraslight.tflite.runner import TFLiteRunner

HERE = pathlib.Path(__file__).parent
SOURCES = HERE.parents[1] / "tflite" / "android" / "app" / "src" / "main" / "kotlin"
COMPILER = "kotlin-compiler@2.4.20"  # a package of npm

# the compiler alone takes half a minute
pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def compiler():
    """The folder of the Kotlin compiler, which npm fetches once."""
    if shutil.which("java") is None or shutil.which("npm") is None:
        pytest.skip("needs Java and npm")
    folder = cache_folder() / COMPILER
    found = folder / "node_modules" / "kotlin-compiler"
    if not found.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--ignore-scripts", f"--prefix={folder}", COMPILER]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip(f"npm cannot fetch {COMPILER}")
    return found / "lib"


@pytest.fixture(scope="module")
def classes(compiler, tmp_path_factory):
    """The folder of the compiled app: what does not type-check fails here."""
    folder = tmp_path_factory.mktemp("classes")
    # jar files of the compiler are loaded in one process, without its shell scripts
    command = ["java", "-Xmx1g", "-cp", str(compiler / "kotlin-compiler.jar")]
    command += ["org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-nowarn", "-no-reflect"]
    command += ["-kotlin-home", str(compiler.parent), "-d", str(folder)]
    sources = [SOURCES, HERE / "stubs", HERE / "Check.kt"]
    done = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def run(classes, compiler, tmp_path_factory):
    """Runs cases, each a list of fields, and returns what the app made of each."""

    def run_cases(cases):
        file = tmp_path_factory.mktemp("cases") / "cases.txt"
        file.write_text("".join("\t".join(map(str, case)) + "\n" for case in cases))
        path = f"{classes}:{compiler / 'kotlin-stdlib.jar'}"
        command = ["java", "-cp", path, "dev.keraslight.example.CheckKt", str(file)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run_cases


def fields_of(pixels):
    return [pixels.shape[1], pixels.shape[0], base64.b64encode(pixels.tobytes()).decode()]


def draw(rng, height, width):
    return rng.integers(0, 256, (height, width, 3)).astype("uint8")


def test_pictures_are_resized_and_cropped_as_by_preprocessing(run):
    rng = np.random.default_rng(0)
    cases, expected = [], []
    for index in range(24):
        height, width = (int(side) for side in rng.integers(3, 70, 2))
        settings = [
            {},
            {"resize": int(rng.integers(5, 80))},
            {"resize": tuple(int(side) for side in rng.integers(5, 80, 2))},
            {"crop": 0.625 if index % 8 == 3 else int(rng.integers(3, 60))},
        ][index % 4]
        preprocessing = Preprocessing(
            height, width, interpolation=INTERPOLATIONS[index % 5], **settings
        )
        pixels = draw(rng, *(int(side) for side in rng.integers(5, 90, 2)))
        policy = json.dumps(preprocessing.policy())
        cases.append(["fit", width, height, policy, *fields_of(pixels)])
        expected.append(preprocessing.pixels(pixels).tobytes())
    assert [base64.b64decode(line) for line in run(cases)] == expected


def test_frames_are_turned_clockwise(run):
    pixels = draw(np.random.default_rng(1), 3, 5)
    lines = run([["turn", degrees, *fields_of(pixels)] for degrees in (0, 90, 180, 270)])
    turned = [np.rot90(pixels, -quarter).tobytes() for quarter in range(4)]
    assert [base64.b64decode(line) for line in lines] == turned


def test_inputs_are_those_of_the_runner(run):
    pixels = np.arange(768, dtype="uint8").reshape(16, 16, 3)
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    codes = [(0.0, 0), (0.0186, -14), (0.02, 5), (1 / 57.0, -128)]
    case = ["encode", ",".join(map(str, mean)), ",".join(map(str, std))]
    lines = run([[*case, scale, zero, *fields_of(pixels)] for scale, zero in codes])
    image = Preprocessing(16, 16, mean=mean, std=std).normalized(pixels)
    for line, (scale, zero) in zip(lines, codes, strict=True):
        kind = "int8" if scale else "float32"
        details = {"dtype": np.dtype(kind).type, "quantization": (scale, zero)}
        expected = TFLiteRunner.quantized(types.SimpleNamespace(input=details), image)
        np.testing.assert_array_equal(np.frombuffer(base64.b64decode(line), kind), expected.ravel())


def test_logits_become_probabilities_and_probabilities_stay(run):
    logits, shares = [2.0, -1.0, 0.5], [0.25, 0.625, 0.125]
    lines = run([["probabilities", ",".join(map(str, values))] for values in (logits, shares)])
    softmax, same = ([float(value) for value in line.split(",")] for line in lines)
    np.testing.assert_allclose(softmax, np.exp(logits) / np.exp(logits).sum(), rtol=1e-6)
    assert same == shares


def test_boxes_are_suppressed_as_by_tensorflow(run):
    rng = np.random.default_rng(2)
    corners = rng.uniform(0, 0.7, (40, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.1, 0.3, (40, 2))], -1).round(4)
    scores = (rng.permutation(40) / 40).round(3)
    labels = rng.integers(0, 2, 40)
    text = ";".join(
        f"{label}:{','.join(map(str, [score, *box]))}"
        for label, score, box in zip(labels, scores, boxes, strict=True)
    )
    (line,) = run([["boxes", 0.4, 0.1, 100, text]])
    kept = []
    for label in (0, 1):
        (places,) = np.nonzero(labels == label)
        chosen = tf.image.non_max_suppression(boxes[places], scores[places], 100, 0.4, 0.1)
        kept += places[chosen.numpy()].tolist()
    assert [int(i) for i in line.split(",")] == sorted(kept, key=lambda place: -scores[place])
    assert 5 < len(kept) < 36
