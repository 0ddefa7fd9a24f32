import json
import shutil

import numpy as np
import pytest
from PIL import Image

from keraslight.tflite import Classifier
from tests.colours import CLASSES, MEAN, STD
from tests.tflite.independent import independent_top1


def test_scores_are_those_of_an_independent_script(
    command, float_file, int8_file, picture_folder, tmp_path
):
    out = tmp_path / "out.json"
    done = command(
        "evaluate",
        f"--compare={float_file},{int8_file}",
        f"--data_dir={picture_folder}",
        "--workers=2",
        f"--json={out}",
    )
    assert done.exit_code == 0, done.output
    compared = json.loads(out.read_text())
    assert compared["top1"] == 1 and compared["disagreements"] == []
    for file, result in zip((float_file, int8_file), compared["files"], strict=True):
        expected = independent_top1(file, picture_folder, CLASSES, 32, MEAN, STD)
        assert result["top1"] == expected == 21 / 24
        assert (result["pictures"], result["top5"]) == (24, 1.0)
        assert result["per_class"]["green"] == {"pictures": 8, "top1": 7 / 8, "top5": 1.0}
        assert result["preprocessing"]["resize"] == 37
        assert f"{file.name}: top-1 87.50%" in done.stdout


def test_a_foreign_network_of_1001_outputs_and_pixels_as_input(command, tmp_path):
    """As others export networks: TensorFlow's own quantization, uint8, a background class."""
    import keras
    import tensorflow as tf

    from keraslight.pictures.names import imagenet_classes

    size, rng = 64, np.random.default_rng(0)
    model = keras.Sequential(
        [
            keras.Input((size, size, 3)),
            keras.layers.Conv2D(16, 5, 4, activation="relu"),
            keras.layers.Conv2D(32, 3, 2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(1001),
        ]
    )
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
    classifier = Classifier(path, preprocessing={"resize": 73})
    runner, preprocessing = classifier.runner, classifier.preprocessing
    assert runner.input["dtype"] == np.uint8
    folder = tmp_path / "val"
    for number in range(24):
        colours = rng.integers(0, 256, (6, 5, 3)).astype("uint8")
        image = Image.fromarray(colours).resize((150, 120), Image.Resampling.BICUBIC)
        pixels = preprocessing.pixels(np.asarray(image))
        best = int(runner.run(preprocessing.normalized(pixels)).argmax())
        # two in three are put where the network says, the others elsewhere
        label = labels[best if number % 3 else (best + 1) % 1001]
        (folder / label).mkdir(parents=True, exist_ok=True)
        image.save(folder / label / f"{number}.png")
    out = tmp_path / "out.json"
    done = command(
        "evaluate",
        f"--tflite={path}",
        f"--data_dir={folder}",
        "--labels=imagenet",
        "--workers=1",
        f"--json={out}",
    )
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    expected = independent_top1(path, folder, labels, size, 0, 1)
    assert result["top1"] == expected
    assert len(set(map(str, folder.iterdir()))) > 3
    assert 0.5 < expected < 0.8


def test_what_two_files_differ_on_is_drawn_and_written(
    command, float_file, int8_file, picture_folder, tmp_path
):
    sheet = tmp_path / "sheet.png"
    done = command(
        "evaluate",
        f"--compare={float_file},{int8_file}",
        f"--data_dir={picture_folder}",
        "--workers=1",
        "--limit=6",
        f"--sheet={sheet}",
    )
    assert done.exit_code == 0, done.output
    assert "0 pictures the two differ on" in done.stderr
    assert Image.open(sheet).size[0] > 100


def test_the_result_is_written_before_the_sheet(
    command, monkeypatch, float_file, picture_folder, tmp_path
):
    def fail(*args):
        raise OSError("no space left")

    monkeypatch.setattr("keraslight.commands.evaluate.draw_sheet", fail)
    arguments = (f"--data_dir={picture_folder}", "--limit=3", "--workers=1")
    files = f"--compare={float_file},{float_file}"
    done = command("evaluate", files, *arguments, "--sheet=a.png", "--json=out.json")
    assert done.exit_code == 1 and "no space left" in done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["pictures"] == 3


def test_assumptions_are_shown_and_written(command, plain_file, picture_folder, tmp_path):
    out = tmp_path / "out.json"
    done = command(
        "evaluate",
        f"--tflite={plain_file}",
        f"--data_dir={picture_folder}",
        "--mean=120,110,100",
        "--std=60,55,50",
        "--workers=1",
        f"--json={out}",
    )
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())
    assert len(found["assumed"]) == 2
    assert all(f"note: {message}" in done.stderr for message in found["assumed"])
    assert "there are no labels" in done.stderr and "the shorter side is scaled" in done.stderr
    assert found["scores"] == "softmax of the outputs"


def test_names_are_shown_in_place_of_folders(command, float_file, picture_folder, tmp_path):
    folder = tmp_path / "val"
    shutil.copytree(picture_folder, folder)
    (tmp_path / "names.txt").write_text("blue = like the sky\n")
    arguments = ("evaluate", f"--tflite={float_file}", f"--data_dir={folder}", "--workers=1")
    done = command(*arguments)
    assert "hardest classes: like the sky 87.5%, green 87.5%" in done.stdout


@pytest.fixture
def run_folder(model, tmp_path):
    """The folder of a run of training."""
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in CLASSES))
    recipe = {"image_size": 32, "eval_crop": 0.875, "mean": MEAN, "std": STD}
    (folder / "run.json").write_text(json.dumps({"recipe": recipe}))
    return folder


def test_a_keras_model_is_scored_as_the_file_that_is_made_of_it(
    command, run_folder, float_file, picture_folder, tmp_path
):
    out = tmp_path / "out.json"
    arguments = (f"--data_dir={picture_folder}", "--workers=1", f"--json={out}")
    done = command("evaluate", f"--compare={run_folder},{float_file}", *arguments)
    assert done.exit_code == 0, done.output
    compared = json.loads(out.read_text())
    keras_result, file_result = compared["files"]
    assert compared["top1"] == 1 and compared["score_drift"] < 1e-5
    assert keras_result["top1"] == file_result["top1"] == 21 / 24
    assert keras_result["preprocessing"] == file_result["preprocessing"]
    assert keras_result["model"]["macs"] == file_result["model"]["macs"]
    assert keras_result["assumed"] == []
    assert keras_result["scores"] == "softmax of the outputs"
    assert compared["record"]["versions"]["keraslight"]
    # the report takes it too
    assert command("report", out).exit_code == 0


def failing(arguments, exit_code, message):
    return pytest.param(arguments, exit_code, message, id=message)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        failing(["--data_dir={folder}"], 2, "Pass one of --tflite=FILE"),
        failing(["--tflite={plain}"], 2, "Pass --data_dir=FOLDER or --tfds=NAME"),
        failing(["--tflite={plain}", "--data_dir={folder}"], 1, "pass --mean and --std"),
        failing(
            ["--tflite={plain}", "--data_dir={folder}", "--mean=a", "--std=1"],
            2,
            "A number is needed",
        ),
        failing(["--tflite={plain}", "--data_dir={folder}", "--mean=1"], 1, "both the mean"),
        failing(["--tflite={plain}", "--data_dir={folder}", "--std=0", "--mean=1"], 2, "than 0"),
        failing(["--tflite={plain}", "--data_dir={folder}", "--crop=0"], 2, "A crop is pixels"),
        failing(["--tflite={plain}", "--data_dir={folder}", "--sheet=x.png"], 2, "two files"),
        failing(["--compare=a,b", "--data_dir={folder}", "--sheet=x.tiff"], 2, "end in .png"),
        failing(["--tflite={plain}", "--data_dir={folder}", "--split=x"], 2, "These need --tfds"),
        failing(["--tflite={plain}", "--data_dir={folder}", "--json={folder}"], 2, "is a dir"),
        failing(["--tflite={folder}/red/0.jpg", "--data_dir={folder}"], 1, "Not a .tflite file"),
        failing(["--tflite={plain}", "--data_dir={folder}", "--labels={plain}"], 1, "not text"),
        failing(
            ["--tflite={plain}", "--compare={plain},{plain}", "--data_dir={folder}"],
            2,
            "Received: --tflite and --compare",
        ),
        failing(["--tflite={plain}", "--data_dir={folder}", "--weights=x"], 1, "for Keras models"),
        failing(["--model=none", "--data_dir={folder}"], 1, "list_models() lists them"),
        failing(
            ["--compare={plain},x.tflite", "--data_dir={folder}", "--mean=1", "--std=1"],
            1,
            "no such file",
        ),
        failing(["--tflite={labelled}", "--data_dir={folder}/red"], 1, "no picture in"),
    ],
)
def test_mistakes_end_with_a_message(
    command, plain_file, float_file, picture_folder, arguments, exit_code, message
):
    places = {"plain": plain_file, "folder": picture_folder, "labelled": float_file}
    done = command("evaluate", *(a.format(**places) for a in arguments))
    assert done.exit_code == exit_code, done.output
    assert message in " ".join(done.stderr.split())
