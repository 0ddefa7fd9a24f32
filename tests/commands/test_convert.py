import json
import zipfile

import keras
import numpy as np
import pytest

import keraslight
from keraslight.commands.convert import METHODS, ROUNDINGS
from keraslight.quantization import calibrate, ranges
from keraslight.tflite.formats import FORMATS
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from tests.colours import CLASSES, MEAN, SIZE, STD

GIVEN = ("--mean=120,110,100", "--std=60,55,50", "--check_images=8")
RECIPE = {"image_size": SIZE, "eval_crop": 1.0, "mean": MEAN, "std": STD}


@pytest.fixture(scope="module")
def run_folder(model, tmp_path_factory):
    """The folder of a training run."""
    folder = tmp_path_factory.mktemp("run")
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("\n".join(CLASSES))
    (folder / "run.json").write_text(json.dumps({"recipe": {**RECIPE, "epochs": 3}, "seed": 0}))
    return folder


@pytest.fixture
def refused_early(monkeypatch):
    """Fails if pictures are read."""

    def fail(*args):
        raise AssertionError("the pictures were read")

    monkeypatch.setattr("keraslight.conversion.pictures.choose_pictures", fail)


def test_what_can_be_asked_for_is_what_there_is():
    assert set(METHODS) == set(ranges.METHODS)
    assert ROUNDINGS == calibrate.ROUNDINGS


def test_every_quantization_at_once(command, run_folder, picture_folder, tmp_path):
    done = command(
        "convert",
        f"--model={run_folder}",
        f"--quantization={','.join(FORMATS)}",
        f"--calibration_dir={picture_folder}",
        "--output=colours.tflite",
        "--json=out.json",
        "--check_images=8",
        "--equalize",
        "--rounding=adaround",
    )
    assert done.exit_code == 0, done.stderr
    result = json.loads((tmp_path / "out.json").read_text())
    kinds = {name: {"none": "float32"}.get(name, name) for name in FORMATS}
    # TensorFlow rounds no weights of so small a layer
    kinds["dynamic"] = "float32"
    assert [file["quantization"] for file in result["files"]] == list(kinds.values())
    for file in result["files"]:
        path = tmp_path / file["file"]
        assert file["kept"] and path.is_file()
        assert file["check"]["images"] == 8 and file["check"]["real_pictures"]
        assert file["check"]["error"] <= file["check"]["max_error"]
        assert file["check"]["top1"] == 1
        metadata = ModelFile(path).metadata
        assert (metadata.labels, metadata.mean, metadata.std) == (CLASSES, MEAN, STD)
        assert metadata.preprocessing["resize"] == SIZE  # the run looked at all of the picture
        assert "the scores are probabilities" in metadata.description
        assert zipfile.ZipFile(path).namelist()[0] == "labels_without_background.txt"
        scores = TFLiteRunner(path).predict(np.zeros((1, SIZE, SIZE, 3), "float32"))
        assert abs(scores.sum() - 1) < 0.01 and scores.min() >= 0
    assert "note: calibrating int8 with 1" in done.stderr and "step" not in done.stdout
    assert "outside XNNPACK: none" in done.stdout
    assert "the same best class on 100.0%" in done.stdout
    files = [file["file"] for file in result["files"]]
    stored = ",".join(file for file in files if "_weights" in file)
    done = command("evaluate", f"--compare={stored}", f"--data_dir={picture_folder}")
    assert done.exit_code == 0 and done.stdout.count("top-1 87.50%") == 2
    done = command("benchmark", f"--tflite={','.join(files)}", "--rounds=1", "--runs=1")
    assert done.exit_code == 0, done.stderr
    done = command("info", *files)
    assert all(name in done.stdout for name in kinds.values())


def test_a_file_that_differs_too_much_is_not_kept(command, run_folder, tmp_path):
    """Of two files that take pixels, of which rounding makes the int8 one differ more."""
    (tmp_path / "colours_int8.tflite").write_text("what was there before")
    done = command(
        "convert",
        f"--model={run_folder / 'model.keras'}",
        "--quantization=none,int8",
        "--raw_pixels",
        "--random_calibration",
        "--max_error=1e-5",
        "--output=colours.tflite",
        *GIVEN,
    )
    assert done.exit_code == 5, done.stderr
    assert "error: Not kept" in done.stderr and "colours_int8.tflite: NOT KEPT" in done.stdout
    assert "the scores are logits" in done.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["colours_int8.tflite", "colours_none.tflite"]
    assert (tmp_path / "colours_int8.tflite").read_text() == "what was there before"
    metadata = ModelFile(tmp_path / "colours_none.tflite").metadata
    assert (metadata.mean, metadata.std, metadata.labels) == ((0.0,), (1.0,), ())


def test_a_quantized_model_gets_a_softmax_of_its_own(command, model, tmp_path):
    """As the model of quantization-aware training does, whose ranges are set already."""
    quantized = keraslight.quantize_model(model)
    images = np.random.default_rng(0).normal(0, 1, (16, SIZE, SIZE, 3)).astype("float32")
    keraslight.calibrate(quantized, [images], "minmax", verbose=0).save(tmp_path / "qat.keras")
    (tmp_path / "labels.txt").write_text("\n".join(CLASSES))
    arguments = ("convert", "--model=qat.keras", "--quantization=int8", *GIVEN)
    done = command(*arguments, "--labels=labels.txt", "--output=a.tflite", "--input_type=uint8")
    assert done.exit_code == 0, done.stderr
    done = command(*arguments, "--labels=labels.txt", "--no-softmax", "--output=b.tflite")
    assert done.exit_code == 0, done.stderr
    logits = TFLiteRunner(tmp_path / "b.tflite").predict(images)
    found = TFLiteRunner(tmp_path / "a.tflite").predict(images)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    np.testing.assert_allclose(found, expected, atol=1 / 128)
    done = command(*arguments, "--raw_pixels", "--output=c.tflite")
    assert done.exit_code == 1
    assert "integers of a quantized model are set already" in done.stderr
    done = command("convert", "--model=qat.keras", "--output=d.tflite", *GIVEN)
    assert done.exit_code == 1 and "pass --quantization=int8" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("--quantization=int8",), 1, "Calibration needs --calibration_dir=FOLDER"),
        (("--quantization=int7",), 2, "'int7' is not one of 'none'"),
        (("--labels=two.txt",), 1, "2 labels for 3 outputs"),
        (
            ("--labels=none.txt",),
            1,
            "or `imagenet`. Received: 'none.txt', which is no file",
        ),
        (("--std=0",), 2, "A number greater than 0 is needed. Received: '0'"),
        (("--mean=nan",), 2, "A number is needed. Received: 'nan'"),
        (("--crop=0",), 2, "Received: '0'"),
        (("--crop=1.5",), 2, "Received: '1.5'"),
        (("--resize=0",), 2, "Received: '0'"),
        (("--mean=120",), 1, "Pass both --mean and --std"),
        (("--input_size=32x",), 2, "as 224 or 224x160"),
        (("--input_size=48",), 1, "32x32 only. Received: input_size=48x48"),
        (("--raw_pixels",), 1, "is not known: pass --mean and --std"),
        (("--target=fast",), 1, "`target` must be one of"),
        (("--weights=none.h5",), 1, "Checkpoints are loaded into models"),
        (("--output=model.onnx",), 1, "`output` must end in .tflite"),
        (("--model=vgnet_9mp",), 1, "keraslight.list_models() lists them"),
        (("--json=two.txt/out.json",), 1, "No result can be written to"),
        (("--max_error=-1",), 2, "greater than 0"),
        (("--surprise",), 2, "No such option"),
    ],
)
def test_mistakes_are_told_in_a_line(
    command, run_folder, refused_early, tmp_path, arguments, exit_code, message
):
    (tmp_path / "two.txt").write_text("a\nb\n")
    known = [f"--model={run_folder / 'model.keras'}", "--output=a.tflite"]
    done = command("convert", *known, *arguments)
    assert done.exit_code == exit_code, done.output
    assert message in done.stderr.replace("\n", " ")
    assert not list(tmp_path.glob("*.tflite"))


def test_random_weights_are_told_of(command, refused_early):
    done = command("convert", "--model=igcv3_d_0_5", "--quantization=int8", "--output=a.tflite")
    assert done.exit_code == 1 and "Calibration needs" in done.stderr
    assert "note: no --weights: the network has random weights" in done.stderr


def test_labels_that_do_not_fit_are_found_before_calibration(
    command, run_folder, refused_early, picture_folder, tmp_path
):
    (tmp_path / "two.txt").write_text("a\nb\n")
    done = command(
        "convert",
        f"--model={run_folder}",
        "--quantization=int8",
        f"--calibration_dir={picture_folder}",
        "--labels=two.txt",
        "--output=a.tflite",
    )
    assert done.exit_code == 1 and "2 labels for 3 outputs" in done.stderr
