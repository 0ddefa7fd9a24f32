import os
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

import keraslight
from keraslight.failures import Failure
from keraslight.pictures.folder import Picture, list_pictures
from keraslight.pictures.names import imagenet_classes
from keraslight.tflite import (
    Classifier,
    ModelFile,
    Predictions,
    TFLiteRunner,
    accuracy_of,
    agreement,
    draw_sheet,
    labels_of,
    outputs_of_labels,
    preprocessing_of,
    require_same_outputs,
)
from tests.colours import CLASSES, STD


def test_what_two_files_differ_on_is_drawn(float_file, picture_folder, tmp_path):
    pictures = list_pictures(picture_folder)
    # the same network told another normalization: blue is weakened
    one, other = (
        Classifier(float_file, preprocessing={"resize": 37, **given}).predict(pictures)
        for given in ({}, {"mean": (120, 110, 220), "std": STD})
    )
    compared = agreement(one, other)
    differing = compared["disagreements"]
    assert 0 < len(differing) < 24
    assert compared["top1"] == pytest.approx(1 - len(differing) / 24)
    assert all(d["classes"][0] == CLASSES.index("blue") for d in differing)
    sheet = tmp_path / "sheet.png"
    assert draw_sheet(sheet, one, other, CLASSES) == len(differing)
    assert np.asarray(Image.open(sheet)).std() > 10
    assert draw_sheet(sheet, one, one, CLASSES) == 0


def test_labels_stand_for_outputs():
    folders = [Picture("", "cat"), Picture("", "dog")]
    assert outputs_of_labels(folders, [], 2) == {"cat": {0}, "dog": {1}}
    places = outputs_of_labels(folders, ["dog", "background", "cat", "cat"], 4)
    assert places == {"cat": {2, 3}, "dog": {0}}
    with pytest.raises(ValueError, match="3 labels for 4 outputs"):
        outputs_of_labels(folders, ["a", "b", "c"], 4)
    with pytest.raises(ValueError, match="2 folders for 1001 outputs"):
        outputs_of_labels(folders, [], 1001)
    with pytest.raises(ValueError, match="1 folders that are none, such as 'dog'"):
        outputs_of_labels(folders, ["cat", "Dog"], 2)


def test_only_the_same_outputs_are_compared():
    require_same_outputs([(2, ["a", "b"]), (2, ())])
    for other in ((3, ()), (2, ["b", "a"])):
        with pytest.raises(ValueError, match="the same, in the same order"):
            require_same_outputs([(2, ["a", "b"]), other])


def test_what_is_given_replaces_the_metadata(float_file, int8_file):
    model, runner = ModelFile(float_file), TFLiteRunner(float_file)
    found = preprocessing_of(model, runner, {"mean": (1.0,), "std": (2.0,), "resize": 40})
    assert (found.mean, found.std, found.resize) == ((1.0,), (2.0,), 40)
    with pytest.raises(ValueError, match=r"both the mean and the std \(--mean, --std\)"):
        preprocessing_of(
            type("NoMetadata", (), {"metadata": None, "path": ""}), runner, {"mean": (1.0,)}
        )


def test_pictures_that_cannot_be_read(float_file, picture_folder, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(picture_folder, folder)
    (folder / "red" / "broken.png").write_text("no picture")
    classifier = Classifier(float_file, preprocessing={"resize": 37})
    pictures = list_pictures(folder)
    with pytest.raises(ValueError, match=r"cannot be read.*broken\.png.*--skip_unreadable"):
        classifier.predict(pictures)
    found = classifier.predict(pictures, skip_unreadable=True)
    assert len(found.pictures) == 24 and len(found.unreadable) == 1
    only = [p for p in pictures if "broken" in p.source]
    with pytest.raises(ValueError, match="No picture could be read"):
        classifier.predict(only, skip_unreadable=True)


def test_accuracy_and_agreement():
    pictures = [Picture("a", "x"), Picture("b", "y"), Picture("c", "y")]
    one = Predictions(pictures, np.array([[0, 1], [0, 1], [1, 0]]), np.full((3, 2), 0.5), [])
    other = Predictions(pictures, np.array([[0, 2], [1, 0], [1, 2]]), np.full((3, 2), 0.7), [])
    found = accuracy_of(one, {"x": {0}, "y": {1}})
    assert (found["top1"], found["top5"]) == (2 / 3, 1.0)
    assert found["per_class"]["y"] == {"pictures": 2, "top1": 0.5, "top5": 1.0}
    compared = agreement(one, other)
    assert (compared["top1"], compared["top5"]) == (2 / 3, 2 / 3)
    assert compared["score_drift"] == pytest.approx(0.2)
    assert [d["picture"] for d in compared["disagreements"]] == ["b"]


def test_what_is_assumed_is_told_or_refused(
    float_file, int8_file, plain_file, add_metadata, tmp_path
):
    told = []
    Classifier(float_file, tell=told.append)
    assert len(told) == 1 and "the shorter side is scaled to 37 pixels" in told[0]
    with pytest.warns(UserWarning, match="does not say how pictures are resized"):
        Classifier(float_file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Classifier(float_file, preprocessing={"resize": 40})
    for path, kind in ((plain_file, "float32"), (int8_file, "int8")):
        bare = add_metadata(path, tmp_path / f"{kind}.tflite", labels=CLASSES)
        with pytest.raises(ValueError, match=f"an input of {kind} without normalization"):
            Classifier(bare)


def test_a_uint8_input_gets_pixels_as_they_are_and_it_is_told(monkeypatch, plain_file):
    runner = TFLiteRunner(plain_file)
    monkeypatch.setitem(runner.input, "dtype", np.uint8)
    monkeypatch.setitem(runner.input, "quantization", (1 / 127.5, 127))
    told = []
    found = preprocessing_of(ModelFile(plain_file), runner, {"resize": 37}, told.append)
    assert (found.mean, found.std) == ((127,), (127.5,))
    assert len(told) == 1 and "pixels as they are" in told[0]
    pixels = np.arange(256, dtype="uint8").reshape(16, 16, 1)
    np.testing.assert_array_equal(runner.quantized(found.normalized(pixels)), pixels)


def test_scores_are_probabilities_whether_a_file_ends_in_logits_or_not(
    model, float_file, picture_folder, tmp_path
):
    import keras

    softmax = keras.Model(model.inputs, keras.layers.Softmax()(model.outputs[0]))
    path = keraslight.export_tflite(softmax, tmp_path / "softmax.tflite")
    settings = {"resize": 37, "mean": (120.0, 110.0, 100.0), "std": STD}
    logits, probabilities = (
        Classifier(file, preprocessing=settings) for file in (float_file, path)
    )
    assert (logits.softmax, probabilities.softmax) == (True, False)
    pictures = list_pictures(picture_folder)
    one, other = logits.predict(pictures), probabilities.predict(pictures)
    np.testing.assert_array_equal(one.classes, other.classes)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
    np.testing.assert_allclose(one.scores.sum(axis=1), 1, atol=1e-5)


def test_the_operator_that_computes_the_output(float_file, int8_file):
    # the int8 file of a model that takes floats ends in DEQUANTIZE or not at all
    for path in (float_file, int8_file):
        assert ModelFile(path).last_operator == "FULLY_CONNECTED"


def test_labels_of_imagenet_and_labels_that_are_none():
    assert labels_of("imagenet", 1000)[0] == "n01440764"
    assert labels_of("imagenet", 1001)[:2] == ("background", "n01440764")
    assert labels_of(None, 3) == ()
    for labels, outputs in (("abc", 3), ("imagenet", 10), (["a"], 2)):
        with pytest.raises(ValueError, match="Received"):
            labels_of(labels, outputs)


@pytest.mark.parametrize("background", [(), ("background",)])
def test_the_words_of_imagenet_are_taken_for_its_ids(background):
    words = (*background, *(name for _, name in imagenet_classes()))
    assert labels_of(words, len(words)) == labels_of("imagenet", len(words))
    assert labels_of(words[:10], 10) == words[:10]


def test_folders_named_by_wordnet_ids_fit_labels_of_words():
    pictures = [Picture("", "n01440764"), Picture("", "dog")]
    assert outputs_of_labels(pictures, ["dog", "tench"], 2) == {"dog": {0}, "n01440764": {1}}


@pytest.mark.parametrize(
    "written",
    [
        {"resize": "abc"},
        {"resize": 1e9},
        {"resize": 10**7},
        {"resize": [10, "x"]},
        {"resize": [1, 2, 3]},
        {"crop": -5},
        {"crop": 10**9},
        {"crop": True},
        {"interpolation": [1]},
    ],
    ids=str,
)
def test_preprocessing_in_a_file_that_makes_no_sense_is_refused(
    float_file, add_metadata, tmp_path, written
):
    path = add_metadata(float_file, tmp_path / "x.tflite", labels=CLASSES, preprocessing=written)
    with pytest.raises(ValueError, match=f"`{next(iter(written))}` must be"):
        Classifier(path, preprocessing={"mean": (0.0,), "std": (1.0,)})


def test_a_file_cannot_change_the_size_of_its_input(float_file, add_metadata, tmp_path):
    written = {"resize": 37, "height": 10**6, "channels": 1, "mean": [1], "std": [0]}
    normalization = ((120.0, 110.0, 100.0), STD)
    path = add_metadata(
        float_file, tmp_path / "x.tflite", normalization=normalization, preprocessing=written
    )
    found = Classifier(path).preprocessing
    assert (found.height, found.channels, found.mean) == (32, 3, (120.0, 110.0, 100.0))


class Deadly:
    """Ends the process that reads it."""

    def __reduce__(self):
        return os._exit, (1,)


def test_a_process_that_is_killed_ends_the_program_with_a_message(float_file):
    classifier = Classifier(float_file, preprocessing={"resize": 37})
    with pytest.raises(Failure, match=r"A process .* was ended.*workers=2"):
        classifier.predict([Picture(Deadly(), "red")] * 2, workers=2)
