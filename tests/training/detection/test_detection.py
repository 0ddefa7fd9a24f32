"""Training detectors: the data, the views, and runs that are killed and resumed."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from keraslight import LightModel, Stage
from keraslight.boxes import Objects, read_coco
from tests.training.pictures import make_folder
from tests.training.test_loop import Killed, assert_same_weights
from training import callbacks
from training.data.data import load_source, make_data
from training.data.draws import Draws
from training.detection.compose import CLASS_NAMES, compose_set
from training.detection.recipe import DetectionRecipe
from training.detection.views import RandomBoxViews, cut, mirrored, moved
from training.loop import Options, train
from training.recipe import load_recipe, override
from training.summary import summarize

SIZE = 32


def tiny_backbone(include_top, input_shape):
    x = images = keras.Input(input_shape)
    stages = []
    for number in (1, 2, 3):
        block = keras.layers.Conv2D(8, 3, 2, "same", activation="relu", name=f"conv{number}")
        x = block(x)
        stages.append(Stage(f"stage{number}", 2**number, (block,), x))
    return LightModel(images, x, name="tiny", stages=stages)


RECIPE = DetectionRecipe(
    tiny_backbone,
    image_size=SIZE,
    extra_channels=(16,),
    minival=6,
    epochs=2,
    batch_size=8,
    optimizer="adamw",
    learning_rate=5e-3,
    zoom_out=1.5,
    flip=False,
)


@pytest.fixture(scope="module")
def composed(tmp_path_factory):
    photos = make_folder(tmp_path_factory.mktemp("photos"), 4, 3)
    folder = tmp_path_factory.mktemp("composed")
    compose_set(photos, folder, {"train": 30, "val": 8}, SIZE)
    return folder


def run(folder, output, recipe=RECIPE, **options):
    output.mkdir(exist_ok=True)
    options = Options(**{"verbose": 0, "save_every": 1, **options})
    sources = [load_source(recipe, kind, folder, verbose=0) for kind in ("train", "eval")]
    data = make_data(*sources, recipe, options.seed)
    build = lambda shape: recipe.build(data.classes, shape)  # noqa: E731
    return data, *train(build, recipe, data, output, options)


def test_composed_set_is_fixed_by_its_seed(composed, tmp_path):
    coco = read_coco(composed / "annotations" / "instances_val.json", composed / "val")
    assert coco.class_names == CLASS_NAMES and len(coco.pictures) == 8
    objects = [picture.objects for picture in coco.pictures]
    assert all(1 <= len(one) <= 5 for one in objects)
    photos = make_folder(tmp_path / "photos", 4, 3)
    compose_set(photos, tmp_path / "again", {"train": 3, "val": 8}, SIZE)
    for path in sorted((composed / "val").iterdir()):
        assert (tmp_path / "again" / "val" / path.name).read_bytes() == path.read_bytes()
    compose_set(photos, tmp_path / "other", {"train": 1, "val": 1}, SIZE, seed=1)
    first = "val/00000.jpg"
    assert (tmp_path / "other" / first).read_bytes() != (composed / first).read_bytes()


def marked(box, shape=(60, 80)):
    """Returns a dark picture with a bright box, and the box."""
    picture = np.zeros((*shape, 3), "uint8")
    top, left, bottom, right = (np.array(box) * [*shape, *shape]).astype(int)
    picture[top:bottom, left:right] = 255
    return picture, Objects([box], [0])


def bright_box(view):
    """Returns the bright box of a view, in shares."""
    rows, columns = (np.flatnonzero((view[..., 0] > 200).any(axis=1 - axis)) for axis in (0, 1))
    return np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]) / len(view)


def test_boxes_stay_where_the_objects_are():
    """In crops, in views larger than the picture, and mirrored."""
    picture, objects = marked([0.3, 0.4, 0.7, 0.6])
    for window in ([0, 0, 60, 80], [6, 16, 48, 40], [-20, -30, 100, 130]):
        view, (box,) = cut(picture, window, 100), moved(objects, window, (60, 80)).boxes
        np.testing.assert_allclose(bright_box(view), box, atol=0.021)
    recipe = dataclasses.replace(RECIPE, flip=True, distortion=0.0, zoom_out=1.6)
    views, found = RandomBoxViews(recipe, 100, Draws(0, 0, 24))([picture] * 24, [objects] * 24)
    seen = 0
    for view, one in zip(views, found, strict=True):
        for box in one.boxes[: 1 if (one.boxes % 1 > 0).all() else 0]:
            np.testing.assert_allclose(bright_box(view), box, atol=0.021)
            seen += 1
    assert seen > 12
    np.testing.assert_allclose(mirrored(objects).boxes, [[0.3, 0.4, 0.7, 0.6]], atol=1e-6)


def test_objects_that_are_hardly_seen_are_left_out():
    _, objects = marked([0, 0, 0.5, 0.5])
    assert len(moved(objects, [25, 35, 30, 40], (60, 80))) == 0
    assert len(moved(objects, [0, 0, 30, 40], (60, 80))) == 1


@pytest.fixture(scope="module")
def uninterrupted(composed, tmp_path_factory):
    return run(composed, tmp_path_factory.mktemp("run"))


def test_a_run_is_scored(uninterrupted):
    pytest.importorskip("pycocotools")
    data, model, progress = uninterrupted
    assert [row["epoch"] for row in progress["history"]] == [1, 2]
    assert np.isfinite(progress["history"][1]["boxes_loss"])
    assert progress["best"] < 0  # of the negative loss
    summary = summarize(model, RECIPE, data, progress, 0)
    assert 0 <= summary["mAP50"] <= 1
    assert {"mAP", "mAP_small", "minival_negative_loss", "macs"} <= set(summary)
    assert json.dumps(summary)


def test_a_run_that_was_killed_goes_on_as_if_it_were_not(
    composed, uninterrupted, tmp_path, monkeypatch
):
    seen = []

    def begin(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == 3:
            raise Killed
        self.begin = batch

    monkeypatch.setattr(callbacks.StopAtNaN, "on_train_batch_begin", begin)
    with pytest.raises(Killed):
        run(composed, tmp_path)
    _, model, progress = run(composed, tmp_path)
    assert_same_weights(model, uninterrupted[1])
    assert progress["step"] == uninterrupted[2]["step"]


@pytest.mark.exhaustive
def test_a_loss_that_is_not_finite_stops_the_run(composed, tmp_path):
    recipe = dataclasses.replace(RECIPE, learning_rate=1e30, clip_norm=None)
    with pytest.raises(callbacks.NotFinite):
        run(composed, tmp_path, recipe)
    saved = np.load(tmp_path / callbacks.BAD_BATCH)
    assert {"images", "boxes", "classes"} <= set(saved)


def test_folders_without_annotations_are_refused(composed, tmp_path):
    with pytest.raises(ValueError, match="annotations"):
        load_source(RECIPE, "train", str(tmp_path))
    with pytest.raises(ValueError, match="neither"):
        load_source(RECIPE, "train", None)
    shutil.copytree(composed, tmp_path / "broken")
    path = tmp_path / "broken" / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["bbox"] = [0, 0, SIZE + 5, 4]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="within its image"):
        load_source(RECIPE, "train", str(tmp_path / "broken"))


def test_impossible_recipes_are_refused():
    for given in (
        {"class_loss": "softmax"},
        {"train_sizes": ((1, 32), (1, 64))},
        {"zoom_out": 0.5},
    ):
        with pytest.raises(ValueError, match="Received: "):
            dataclasses.replace(RECIPE, **given)
    recipe = override(load_recipe("composed_vgnetg_ssdlite"), ["class_loss=hard_negative"])
    assert recipe.class_loss == "hard_negative"
    assert recipe.model_name == "vgnetg_1_0mp_ssdlite"


def test_a_backbone_begins_with_the_weights_of_a_run(tmp_path):
    backbone = tiny_backbone(include_top=False, input_shape=(SIZE, SIZE, 3))
    classifier = keras.Sequential([*backbone.layers[1:], keras.layers.Flatten()])
    classifier.build((None, SIZE, SIZE, 3))
    classifier.save(tmp_path / "model.keras")
    recipe = dataclasses.replace(RECIPE, backbone_run=str(tmp_path))
    found = recipe.backbone((SIZE, SIZE, 3))
    for layer in backbone.layers[1:]:
        np.testing.assert_array_equal(found.get_layer(layer.name).kernel, layer.kernel)
    np.testing.assert_array_equal(recipe.anchor_boxes, RECIPE.anchor_boxes)
    with pytest.raises(ValueError, match="must be of the same network"):
        dataclasses.replace(recipe, model="repvgg_a0").build(3, (SIZE, SIZE, 3))
    with pytest.raises(ValueError, match="must be a finished run"):
        dataclasses.replace(recipe, backbone_run="nowhere").build(3, (SIZE, SIZE, 3))
