"""Training segmenters: the masks, their views, and a run from its folder to its file."""

import json
import types

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keraslight.boxes import read_coco
from keraslight.tflite import TFLiteRunner
from tests.training.detection.test_detection import SIZE, composed  # noqa: F401
from training import qat, train
from training.data.draws import Draws
from training.detection.compose import CLASS_NAMES
from training.segmentation.recipe import SegmentationRecipe
from training.segmentation.source import IGNORED, load_masks, read_mask
from training.segmentation.task import RandomMaskViews, mean_iou

RECIPE = "tests/training/segmentation/tiny_segmenter.py"
ANY = types.SimpleNamespace(dataset=None, train_split=None, eval_split=None)


def test_masks_of_compositions_are_their_boxes(composed):  # noqa: F811
    source = load_masks(ANY, "eval", composed)
    assert source.class_names == ["background", *CLASS_NAMES]
    coco = read_coco(composed / "annotations" / "instances_val.json", composed / "val")
    for index, picture in enumerate(coco.pictures):
        pixels, mask = source.read(index)
        assert pixels.shape == (SIZE, SIZE, 3) and mask.shape == (SIZE, SIZE)
        expected = np.zeros((SIZE, SIZE), "uint8")
        for box, place in zip(picture.objects.boxes, picture.objects.classes, strict=True):
            top, left, bottom, right = np.rint(box * SIZE).astype(int)
            expected[top:bottom, left:right] = place + 1
        np.testing.assert_array_equal(mask, expected)


def test_views_keep_pixels_and_classes_together():
    """A picture whose brightness is its mask, seen in part, mirrored, and from further away."""
    rng = np.random.default_rng(0)
    mask = np.kron(rng.integers(0, 5, (4, 4)), np.ones((16, 16))).astype("uint8")
    picture = np.repeat(50 * mask[..., None], 3, axis=-1).astype("uint8")
    recipe = SegmentationRecipe(
        "vgnetg_1_0mp", image_size=32, crop_share=0.5, zoom_out=2.0, distortion=0.0
    )
    views, masks = RandomMaskViews(recipe, 32, Draws(3, 0, 64))([picture] * 64, [mask] * 64)
    inside = masks != IGNORED
    assert 0.3 < inside.mean() < 1
    # where the neighbours are of the same class, nothing is interpolated
    alike = inside.copy()
    for axis in (1, 2):
        for step in (-1, 1):
            alike &= np.roll(masks, step, axis) == masks
    alike[:, [0, -1]] = alike[:, :, [0, -1]] = False
    assert np.mean(views[..., 0][alike] == 50 * masks[alike]) > 0.99
    assert len(np.unique(masks.reshape(64, -1), axis=0)) > 32


def test_mean_iou_is_the_definition():
    truth = np.array([[[0, 0], [1, IGNORED]]])
    logits = np.eye(3)[np.array([[[0, 1], [1, 2]]])]
    score = mean_iou(3)
    score.update_state(truth, logits)
    # class 0: 1 of 2 pixels, class 1: 1 of 2; class 2 does not occur
    assert float(score.result()) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full((4, 4), 9, "uint8"), "must be one of 3 classes"),
        (np.zeros((4, 4, 3), "uint8"), "one channel"),
    ],
)
def test_masks_that_are_none_are_refused(pixels, message, tmp_path):
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        read_mask(str(tmp_path / "mask.png"), 3)


def test_folders_without_masks_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold a folder of pictures.*Received: "):
        load_masks(ANY, "train", tmp_path)
    (tmp_path / "masks" / "train").mkdir(parents=True)
    (tmp_path / "masks" / "classes.txt").write_text("background\nthing\n")
    (tmp_path / "train").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "train" / "a.jpg")
    with pytest.raises(ValueError, match=r"must have a mask.*Received: "):
        load_masks(ANY, "train", tmp_path)


@pytest.mark.slow
def test_from_training_to_the_file(composed, tmp_path):  # noqa: F811
    run, data = tmp_path / "run", f"--data_dir={composed}"
    for command, arguments in (
        (train.command, [f"--recipe={RECIPE}", data, f"--output_dir={run}"]),
        (qat.command, [f"--run={run}", data]),
    ):
        done = CliRunner().invoke(command, [*arguments, "--verbose=0"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    summary = json.loads((run / "summary.json").read_text())
    assert 0 < summary["mIoU"] <= 1 and summary["model"] == "tiny_backbone_lraspp"
    trained = json.loads((run / "qat" / "summary.json").read_text())
    assert {"start_mIoU", "int8_mIoU"} <= set(trained)
    found = TFLiteRunner(run / "qat" / "model_int8.tflite").predict(
        np.zeros((1, SIZE, SIZE, 3), "float32")
    )
    assert found.shape == (1, SIZE, SIZE, 1 + len(CLASS_NAMES))
