import json

import keras
import numpy as np
import pytest

from keraslight.conversion.keras_model import image_shape, load_model
from tests.colours import CLASSES, MEAN, SIZE, STD

RECIPE = {"image_size": SIZE, "eval_crop": 1.0, "mean": MEAN, "std": STD}


@pytest.fixture(scope="module")
def run_folder(model, tmp_path_factory):
    """The folder of a training run."""
    folder = tmp_path_factory.mktemp("run")
    model.save(folder / "best.keras")
    (folder / "labels.txt").write_text("\n".join(CLASSES))
    (folder / "run.json").write_text(json.dumps({"recipe": {**RECIPE, "epochs": 3}, "seed": 0}))
    return folder


def test_models_by_name_by_file_and_by_run(model, run_folder):
    by_name, *others = load_model("vgnetg_1_0mp", classes=4, size=(64, 32))
    assert (by_name.input_shape, by_name.output_shape) == ((None, 64, 32, 3), (None, 4))
    assert others == [None, None]
    of_run, labels, recipe = load_model(str(run_folder))
    assert labels == CLASSES
    assert recipe == {key: list(v) if key in ("mean", "std") else v for key, v in RECIPE.items()}
    np.testing.assert_array_equal(of_run.get_weights()[0], model.get_weights()[0])
    assert load_model(str(run_folder / "best.keras"))[1:] == (None, None)


def test_the_result_of_a_run_is_taken_before_its_best_epoch(tmp_path):
    """The best epoch was chosen by the pictures that the run reports."""
    for name in ("best", "model"):
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name=name).save(
            tmp_path / f"{name}.keras"
        )
    assert load_model(str(tmp_path)).model.name == "model"


def test_models_that_are_not_there(tmp_path):
    with pytest.raises(
        ValueError, match=r"must be a \.keras file, the folder of a run, or a name: .*such as"
    ):
        load_model("vgnet_9mp")
    with pytest.raises(ValueError, match="holds none of"):
        load_model(str(tmp_path))
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ValueError, match=r"cannot be loaded.*text\.keras"):
        load_model(str(tmp_path / "text.keras"))
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
