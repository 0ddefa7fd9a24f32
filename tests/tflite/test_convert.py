import json
import zipfile

import keras
import numpy as np
import pytest

import keraslight
from keraslight.conversion.check import MAX_ERROR, compare
from keraslight.conversion.keras_model import image_shape, load_model
from keraslight.conversion.pictures import choose_pictures, require_calibration
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.tflite import flatbuffer
from keraslight.tflite.model_file import ModelFile
from tests.tflite.conftest import CLASSES, MEAN, SIZE, STD

FLAGS = ("--mean=120,110,100", "--std=60,55,50", "--check_images=8")
RECIPE = {"image_size": SIZE, "eval_crop": 1.0, "mean": MEAN, "std": STD}


@pytest.fixture(scope="module")
def run_folder(model, tmp_path_factory):
    """The folder of a training run."""
    folder = tmp_path_factory.mktemp("run")
    model.save(folder / "best.keras")
    (folder / "labels.txt").write_text("\n".join(CLASSES))
    (folder / "run.json").write_text(json.dumps({"recipe": {**RECIPE, "epochs": 3}, "seed": 0}))
    return folder


@pytest.mark.slow
def test_every_quantization_at_once(program, run_folder, picture_folder, tmp_path):
    done = program(
        "convert",
        f"--model={run_folder}",
        "--quantization=none,float16,dynamic,int8,int16x8",
        f"--calibration_dir={picture_folder}",
        f"--output={tmp_path / 'colours.tflite'}",
        f"--json={tmp_path / 'out.json'}",
        "--check_images=8",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out.json").read_text())
    kinds = ["float32", "float16", "dynamic", "int8", "int16x8"]
    # the weights of so small a network stay float where they are to be stored in 8 bits
    assert [file["quantization"] for file in result["files"]] in (
        kinds,
        [*kinds[:2], "float32", *kinds[3:]],
    )
    for file in result["files"]:
        path = tmp_path / file["file"]
        assert file["kept"] and path.is_file()
        assert file["check"]["images"] == 8 and file["check"]["real_pictures"]
        assert file["check"]["error"] <= file["check"]["max_error"]
        assert file["check"]["top1"] == 1
        metadata = ModelFile(path).metadata
        assert (metadata.labels, metadata.mean, metadata.std) == (CLASSES, MEAN, STD)
        assert metadata.preprocessing["resize"] == SIZE  # the run looked at all of the picture
        assert zipfile.ZipFile(path).namelist()[0] == "labels_without_background.txt"
    assert "outside XNNPACK: none" in done.stdout
    assert "the same best class on 100.0%" in done.stdout
    assert not list(tmp_path.glob("*unchecked*"))


@pytest.mark.slow
def test_a_file_that_differs_too_much_is_not_kept(program, run_folder, tmp_path):
    """Of two files that take pixels, of which rounding makes the int8 one differ more."""
    (tmp_path / "colours_int8.tflite").write_text("what was there before")
    done = program(
        "convert",
        f"--model={run_folder / 'best.keras'}",
        "--quantization=none,int8",
        "--raw_pixels",
        "--random_calibration",
        "--max_error=1e-5",
        f"--output={tmp_path / 'colours.tflite'}",
        *FLAGS,
    )
    assert done.returncode == 5, done.stderr
    assert "error: Not kept" in done.stderr and "colours_int8.tflite: NOT KEPT" in done.stdout
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["colours_int8.tflite", "colours_none.tflite"]
    assert (tmp_path / "colours_int8.tflite").read_text() == "what was there before"
    metadata = ModelFile(tmp_path / "colours_none.tflite").metadata
    assert (metadata.mean, metadata.std, metadata.labels) == ((0.0,), (1.0,), ())


@pytest.mark.slow
def test_labels_that_do_not_fit_are_found_before_calibration(
    program, run_folder, picture_folder, tmp_path
):
    (tmp_path / "labels.txt").write_text("a\nb\n")
    done = program(
        "convert",
        f"--model={run_folder}",
        "--quantization=int8",
        f"--calibration_dir={picture_folder / 'not there'}",
        f"--labels={tmp_path / 'labels.txt'}",
        f"--output={tmp_path / 'colours.tflite'}",
    )
    assert done.returncode != 0
    assert "2 labels for 3 outputs" in done.stderr


def test_calibration_needs_pictures(tmp_path):
    require_calibration([], None, False)
    require_calibration(["int8"], None, True)
    with pytest.raises(ValueError, match="Calibration needs --calibration_dir=FOLDER"):
        require_calibration(["int8"], None, False)
    with pytest.raises(ValueError, match="There is no picture in the folder"):
        choose_pictures(Preprocessing(SIZE, SIZE), str(tmp_path), 8, 8)


def test_pictures_to_calibrate_and_others_to_check_with(picture_folder):
    found = choose_pictures(Preprocessing(SIZE, SIZE), str(picture_folder), 9, 6)
    assert (len(found.calibration), len(found.check), found.real) == (9, 6, True)
    assert not any((a == b).all() for a in found.calibration for b in found.check)
    # each colour is the strongest in some of either
    for pixels in (found.calibration, found.check):
        assert set(pixels.mean(axis=(1, 2)).argmax(axis=1)) == {0, 1, 2}
    few = choose_pictures(Preprocessing(SIZE, SIZE), str(picture_folder / "red"), 100, 100)
    assert (len(few.calibration), len(few.check)) == (4, 4)
    assert not choose_pictures(Preprocessing(SIZE, SIZE), None, 8, 8).real


def test_models_by_name_by_file_and_by_run(model, run_folder):
    by_name, *others = load_model("vgnetg_1_0mp", classes=4, size=(64, 32))
    assert (by_name.input_shape, by_name.output_shape) == ((None, 64, 32, 3), (None, 4))
    assert others == [None, None]
    of_run, labels, recipe = load_model(str(run_folder))
    assert labels == CLASSES
    assert recipe == {key: list(v) if key in ("mean", "std") else v for key, v in RECIPE.items()}
    np.testing.assert_array_equal(of_run.get_weights()[0], model.get_weights()[0])
    assert load_model(str(run_folder / "best.keras"))[1:] == (None, None)


def test_models_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"must be a \.keras file, the folder of a run, or one of"):
        load_model("vgnet_9mp")
    with pytest.raises(ValueError, match="holds none of"):
        load_model(str(tmp_path))
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="recipe of the run cannot be read"):
        load_model(str(tmp_path))


def test_the_size_of_the_images():
    anything = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
    assert image_shape(anything, (32, 48)) == (32, 48, 3)
    with pytest.raises(ValueError, match="pass --input_size"):
        image_shape(anything)
    with pytest.raises(ValueError, match="one input of images"):
        image_shape(keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)]))


def test_the_check(model, float_file, int8_file):
    images = np.random.default_rng(0).normal(0, 1, (6, SIZE, SIZE, 3)).astype("float32")
    exact = compare(model, float_file, images)
    assert exact.error < 1e-6 and exact.top1 == 1 and exact.signal_to_noise_db > 100
    rounded = compare(model, int8_file, images)
    assert 1e-4 < rounded.error < 0.05
    assert compare(model, float_file, images, images + 1).error > 0.1
    assert compare(model, float_file, np.zeros_like(images)).signal_to_noise_db is None


def test_the_check_compares_channel_by_channel(model, tmp_path):
    """Weights that are 1.3 times too large are found, and one bias of three that is off."""
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, (12, SIZE, SIZE, 3)) + rng.normal(0, 1, (12, 1, 1, 3))
    images = images.astype("float32")
    quantized = keraslight.calibrate(keraslight.quantize_model(model), [images], verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "sound.tflite")
    assert compare(model, path, images).is_within(MAX_ERROR["int8"])
    for defect in ("weights", "channel"):
        changed = flatbuffer.read(path.read_bytes())
        graph = changed.subgraphs[0]
        dense = graph.operators[-1]
        if defect == "weights":
            weights = graph.tensors[dense.inputs[1]].quantization
            weights.scale = 1.3 * weights.scale
        else:  # the dense layer multiplies by 5
            (conv,) = (op for op in graph.operators[:-1] if len(op.inputs) == 3)
            bias = graph.tensors[conv.inputs[2]]
            values = np.frombuffer(bytes(changed.buffers[bias.buffer].data), "int32").copy()
            off = 0.07 * 255 * graph.tensors[dense.outputs[0]].quantization.scale[0] / 5
            values[1] += int(off / bias.quantization.scale[1])
            changed.buffers[bias.buffer].data = np.frombuffer(values.tobytes(), "uint8")
        wrong = tmp_path / f"{defect}.tflite"
        wrong.write_bytes(flatbuffer.write(changed))
        check = compare(model, wrong, images)
        assert not check.is_within(MAX_ERROR["int8"]), (defect, check)
        assert check.top1 >= 0.7
