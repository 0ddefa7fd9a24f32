import json
import shutil

import numpy as np
import pytest
from PIL import Image

from keraslight.pictures.preprocessing import Picture, Preprocessing, list_pictures
from keraslight.tflite.accuracy import accuracy, agreement, outputs_of_labels, require_same_outputs
from keraslight.tflite.classify import Predictions, classify, preprocessing_of
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from keraslight.tflite.sheet import draw_sheet
from tests.tflite.conftest import CLASSES, MEAN, STD


def independent_top1(path, folder, labels, size, mean, std):
    """Scores a file with nothing of the programs here: Pillow, NumPy and the interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(str(path))
    model.allocate_tensors()
    source, output = model.get_input_details()[0], model.get_output_details()[0]
    right = total = 0
    for picture in sorted(folder.glob("*/*")):
        image = Image.open(picture).convert("RGB")
        side = round(size / 0.875)
        width, height = (side * n // min(image.size) for n in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - size) / 2), round((height - size) / 2)
        pixels = np.asarray(image.crop((left, top, left + size, top + size)), "float32")
        if source["dtype"] == np.uint8:
            values = pixels.astype("uint8")
        else:
            values = (pixels - np.array(mean, "float32")) / np.array(std, "float32")
            if source["dtype"] == np.int8:
                scale, zero = source["quantization"]
                values = np.clip(np.floor(values / scale + 0.5) + zero, -128, 127).astype("int8")
        model.set_tensor(source["index"], values[None].astype(source["dtype"]))
        model.invoke()
        best = int(model.get_tensor(output["index"])[0].argmax())
        right += labels[best] == picture.parent.name
        total += 1
    return right / total


def test_scores_are_those_of_an_independent_script(
    program, float_file, int8_file, picture_folder, tmp_path
):
    out = tmp_path / "out.json"
    done = program(
        "evaluate",
        f"--compare={float_file},{int8_file}",
        f"--data_dir={picture_folder}",
        "--workers=2",
        f"--json={out}",
    )
    assert done.returncode == 0, done.stderr
    compared = json.loads(out.read_text())
    assert compared["top1"] == 1 and compared["disagreements"] == []
    for file, result in zip((float_file, int8_file), compared["files"], strict=True):
        expected = independent_top1(file, picture_folder, CLASSES, 32, MEAN, STD)
        assert result["top1"] == expected == 21 / 24
        assert (result["pictures"], result["top5"]) == (24, 1.0)
        assert result["per_class"]["green"] == {"pictures": 8, "top1": 7 / 8, "top5": 1.0}
        assert result["preprocessing"]["resize"] == 37
        assert f"{file.name}: top-1 87.50%" in done.stdout


@pytest.mark.slow
def test_a_foreign_network_of_1001_outputs_and_pixels_as_input(program, tmp_path):
    """MobileNet as others export it: TensorFlow's own quantization, uint8, a background class."""
    import keras
    import tensorflow as tf

    from keraslight.weights.inference import imagenet_classes

    size, rng = 64, np.random.default_rng(0)
    model = keras.applications.MobileNet(
        (size, size, 3), alpha=0.25, weights=None, classes=1001, classifier_activation=None
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    noise = rng.normal(0, 1, (8, size, size, 3)).astype("float32")
    model(noise, training=True)  # statistics that keep the outputs from dying out
    inputs = keras.Input((size, size, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, -1)(inputs)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, model(scaled)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [rng.integers(0, 256, (1, size, size, 3)).astype("float32")] for _ in range(2)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    path = tmp_path / "foreign.tflite"
    path.write_bytes(converter.convert())

    labels = ["background", *(wordnet_id for wordnet_id, _ in imagenet_classes())]
    runner = TFLiteRunner(path)
    assert runner.input["dtype"] == np.uint8
    folder = tmp_path / "val"
    for number in range(24):
        colours = rng.integers(0, 256, (6, 5, 3)).astype("uint8")
        image = Image.fromarray(colours).resize((150, 120), Image.Resampling.BICUBIC)
        preprocessing = preprocessing_of(ModelFile(path), runner)
        pixels = preprocessing.pixels(np.asarray(image))
        best = int(runner.run(preprocessing.normalized(pixels)).argmax())
        # two in three are put where the network says, the others elsewhere
        label = labels[best if number % 3 else (best + 1) % 1001]
        (folder / label).mkdir(parents=True, exist_ok=True)
        image.save(folder / label / f"{number}.png")
    out = tmp_path / "out.json"
    done = program(
        "evaluate",
        f"--tflite={path}",
        f"--data_dir={folder}",
        "--labels=imagenet",
        "--workers=1",
        f"--json={out}",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    expected = independent_top1(path, folder, labels, size, 0, 1)
    assert result["top1"] == expected
    assert len(set(map(str, folder.iterdir()))) > 3
    assert 0.5 < expected < 0.8


def test_what_two_files_differ_on_is_drawn(float_file, picture_folder, tmp_path):
    model, runner = ModelFile(float_file), TFLiteRunner(float_file)
    pictures = list_pictures(picture_folder)
    # the same network told another normalization: blue is weakened
    one, other = (
        classify(float_file, pictures, preprocessing_of(model, runner, given))
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


def failing(arguments, message):
    return pytest.param(arguments, message, id=message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        failing([], "Pass --tflite=FILE, or --compare"),
        failing(["--tflite={plain}", "--data_dir={folder}"], "pass --mean and --std"),
        failing(
            ["--tflite={plain}", "--data_dir={folder}", "--mean=a", "--std=1"],
            "A number is needed",
        ),
    ],
)
def test_arguments_that_do_not_fit(program, plain_file, picture_folder, arguments, message):
    places = {"plain": plain_file, "folder": picture_folder}
    done = program("evaluate", *(a.format(**places) for a in arguments))
    assert done.returncode == 1
    assert "error: " in done.stderr and message in done.stderr
    assert "Traceback" not in done.stderr


def test_labels_stand_for_outputs():
    folders = ["cat", "dog"]
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
    with pytest.raises(ValueError, match="both --mean and --std"):
        preprocessing_of(
            type("NoMetadata", (), {"metadata": None, "path": ""}), runner, {"mean": (1.0,)}
        )


def test_pictures_that_cannot_be_read(float_file, picture_folder, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(picture_folder, folder)
    (folder / "red" / "broken.png").write_text("no picture")
    model, runner = ModelFile(float_file), TFLiteRunner(float_file)
    preprocessing = preprocessing_of(model, runner)
    pictures = list_pictures(folder)
    with pytest.raises(ValueError, match=r"cannot be read.*broken\.png.*--skip_unreadable"):
        classify(float_file, pictures, preprocessing)
    found = classify(float_file, pictures, preprocessing, skip_unreadable=True)
    assert len(found.pictures) == 24 and len(found.unreadable) == 1
    only = [p for p in pictures if "broken" in p.source]
    with pytest.raises(ValueError, match="No picture could be read"):
        classify(float_file, only, preprocessing, skip_unreadable=True)


def test_accuracy_and_agreement():
    pictures = [Picture("a", "x"), Picture("b", "y"), Picture("c", "y")]
    one = Predictions(pictures, np.array([[0, 1], [0, 1], [1, 0]]), np.full((3, 2), 0.5), [])
    other = Predictions(pictures, np.array([[0, 2], [1, 0], [1, 2]]), np.full((3, 2), 0.7), [])
    found = accuracy(one, {"x": {0}, "y": {1}})
    assert (found["top1"], found["top5"]) == (2 / 3, 1.0)
    assert found["per_class"]["y"] == {"pictures": 2, "top1": 0.5, "top5": 1.0}
    compared = agreement(one, other)
    assert (compared["top1"], compared["top5"]) == (2 / 3, 2 / 3)
    assert compared["score_drift"] == pytest.approx(0.2)
    assert [d["picture"] for d in compared["disagreements"]] == ["b"]


def test_a_split_of_tensorflow_datasets(monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets", reason="needs keraslight[tfds]")
    from keraslight.pictures.tfds import read_split

    with tfds.testing.mock_data(num_examples=6):
        pictures = read_split("cifar10", "test", limit=3)
    assert len(pictures) == 3
    assert Preprocessing(32, 32, resize=32).pixels(pictures[0].source).std() > 0
    assert pictures[0].label in tfds.builder("cifar10").info.features["label"].names
