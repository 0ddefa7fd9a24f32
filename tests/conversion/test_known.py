import types

import pytest

from keraslight.conversion.keras_model import Source
from keraslight.conversion.known import known_labels
from keraslight.tflite.labels import labels_of


def source(outputs, labels=None):
    return Source(types.SimpleNamespace(output_shape=(None, outputs)), labels)


@pytest.mark.parametrize("outputs", [1000, 1001])
def test_imagenet_means_what_it_means_to_those_who_run_the_file(outputs):
    written = known_labels(source(outputs), "imagenet", None)
    assert "tench" in written
    assert labels_of(written, outputs) == labels_of("imagenet", outputs)


def test_given_labels_come_first_then_those_of_the_run_then_the_published(tmp_path):
    (tmp_path / "labels.txt").write_text("x\ny\n")
    of_run = tuple(f"class {index}" for index in range(1000))
    given = str(tmp_path / "labels.txt")
    assert known_labels(source(1000, of_run), given, "imagenet") == ("x", "y")
    assert known_labels(source(1000, of_run), None, "imagenet") == of_run
    assert known_labels(source(1000), None, "imagenet")[0] == "tench"
    assert known_labels(source(10), None, "imagenet") is None
    assert known_labels(source(1000), None, None) is None
