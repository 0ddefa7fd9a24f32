"""Anchors, encoding, matching, suppression and average precision, on numbers known by hand."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keraslight import boxes as B


def drawn_boxes(count, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.6, (count, 2))
    return np.concatenate([low, low + rng.uniform(0.05, 0.4, (count, 2))], 1).astype("float32")


ANCHORS = B.Anchors().boxes([(10, 10), (5, 5), (3, 3), (2, 2), (1, 1)])


def test_importing_does_not_import_keras():
    code = "import sys, keraslight.boxes; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_anchors_are_those_of_the_published_detectors():
    """MobileNetV2's SSDLite at 300x300 has 1,917 anchors, SSD300 without a reduced first 8,732."""
    grids = [(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]
    anchors = B.Anchors().boxes(grids)
    assert anchors.shape == (1917, 4)
    # by the published formula: first map, first pixel, then the last square of the last map
    np.testing.assert_allclose(anchors[0], [0.5 / 19, 0.5 / 19, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(anchors[1, 2:], [0.2 / 2**0.5, 0.2 * 2**0.5], rtol=1e-6)
    np.testing.assert_allclose(anchors[-1], [0.5, 0.5, 0.95**0.5, 0.95**0.5], rtol=1e-6)
    narrow, wide = (1, 2, 0.5), (1, 2, 0.5, 3, 1 / 3)
    ssd = B.Anchors(0.2, 0.9, (narrow, wide, wide, wide, narrow, narrow), reduce_first=False)
    assert len(ssd.boxes([(38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1)])) == 8732
    with pytest.raises(ValueError, match="7 feature maps"):
        ssd.counts(7)


@pytest.mark.parametrize("given", [{"min_scale": 0}, {"max_scale": 2}, {"aspect_ratios": (0.0,)}])
def test_impossible_anchors_are_refused(given):
    with pytest.raises(ValueError, match="Received: "):
        B.Anchors(**given)


def test_decoding_undoes_encoding():
    boxes = drawn_boxes(len(ANCHORS))
    offsets = B.encode_boxes(boxes, ANCHORS)
    np.testing.assert_allclose(B.decode_boxes(offsets, ANCHORS), boxes, atol=1e-6)


def test_matching_loses_no_object():
    """Even of two objects on the same spot each gets an anchor, and good overlaps all learn."""
    same = np.array([[0.4, 0.4, 0.6, 0.6], [0.4, 0.4, 0.6, 0.6], [0.01, 0.01, 0.03, 0.02]])
    chosen = B.match(B.Objects(same, [0, 1, 2]), ANCHORS)
    assert set(chosen[chosen >= 0]) == {0, 1, 2}
    boxes = drawn_boxes(6)
    chosen = B.match(B.Objects(boxes, range(6)), ANCHORS)
    half = ANCHORS[:, 2:] / 2
    corners = np.concatenate([ANCHORS[:, :2] - half, ANCHORS[:, :2] + half], 1)
    overlaps = B.pairwise_iou(corners, boxes).max(axis=1)
    assert (chosen[overlaps >= 0.5] >= 0).all()
    assert (chosen[overlaps < 0.4] == -1).mean() > 0.99


def test_targets_weigh_every_picture_alike():
    objects = B.Objects(drawn_boxes(3), [0, 1, 1])
    targets = B.training_targets(objects, ANCHORS, classes=2)
    positive = targets["boxes"][:, 4] > 0
    assert targets["boxes"][:, 4].sum() == pytest.approx(1)
    np.testing.assert_array_equal(targets["classes"][:, :2].sum(axis=1) > 0, positive)
    nothing = B.training_targets(B.Objects([], []), ANCHORS, classes=2)
    assert not nothing["boxes"].any()
    assert (nothing["classes"] == [0, 0, 1]).all()


def test_a_crowd_teaches_nothing():
    objects = B.Objects([[0, 0, 1, 1]], [0], [True])
    targets = B.training_targets(objects, ANCHORS, classes=1)
    assert not targets["boxes"].any()
    assert (targets["classes"][-1] == 0).all()


@pytest.mark.parametrize(
    "boxes,classes",
    [
        ([[0, 0, 1.2, 1]], [0]),
        ([[-0.1, 0, 1, 1]], [0]),
        ([[0, 0, np.nan, 1]], [0]),
        ([[0.5, 0, 0.5, 1]], [0]),
        ([[0, 0, 1, 1]], [-1]),
        ([[0, 0, 1, 1]], [0.5]),
        ([[0, 0, 1, 1]], [0, 1]),
    ],
)
def test_impossible_objects_are_refused(boxes, classes):
    with pytest.raises(ValueError, match="Received: "):
        B.Objects(boxes, classes)


def test_a_class_beyond_the_model_is_refused():
    with pytest.raises(ValueError, match="less than 2"):
        B.training_targets(B.Objects([[0, 0, 1, 1]], [2]), ANCHORS, classes=2)


def test_suppression_by_class():
    boxes = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.48], [0, 0, 0.5, 0.49], [0.5, 0.5, 1, 1]])
    scores = np.array([[0.9, 0], [0.8, 0], [0, 0.7], [0.005, 0.6]])
    found = B.suppress(boxes, scores)
    np.testing.assert_array_equal(found.scores, [0.9, 0.7, 0.6])
    np.testing.assert_array_equal(found.classes, [0, 1, 1])
    assert len(B.suppress(boxes, scores, max_detections=1)) == 1
    assert len(B.suppress(boxes, scores, iou_threshold=0.99)) == 4
    with pytest.raises(ValueError, match="finite"):
        B.suppress(boxes * np.nan, scores)


def annotated(boxes, classes, side=200):
    return B.AnnotatedPicture("", side, side, B.Objects(boxes, classes))


def test_average_precision():
    """Of two objects one is found, and a false one above it: precision 1/2 up to recall 1/2."""
    pytest.importorskip("pycocotools")
    boxes = np.array([[0, 0, 0.1, 0.1], [0.5, 0.5, 1, 1]])
    far = np.array([[0, 0.5, 0.3, 0.8], [0.5, 0.5, 1, 1]])
    found = [B.Detections(far, np.array([0, 0]), np.array([0.9, 0.8]))]
    scores = B.average_precision([annotated(boxes, [0, 0])], found, ["cat", "dog"])
    # 51 of the 101 levels of recall
    assert scores["mAP50"] == pytest.approx(0.5 * 51 / 101)
    assert scores["mAP"] == pytest.approx(scores["mAP50"])
    assert scores["mAP_small"] == 0
    assert scores["mAP_medium"] is None
    assert scores["mAP_large"] == pytest.approx(1)
    assert scores["per_class"]["dog"] is None
    with pytest.raises(ValueError, match="1 pictures"):
        B.average_precision([annotated(boxes, [0, 0])], [], ["cat"])


SET = {
    "images": [{"id": 5, "file_name": "a.png", "height": 50, "width": 100}],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 9, "bbox": [10, 5, 50, 20], "iscrowd": 0},
        {"id": 2, "image_id": 5, "category_id": 3, "bbox": [90, 40, 10.4, 10], "iscrowd": 1},
        {"id": 3, "image_id": 5, "category_id": 3, "bbox": [1, 1, 0, 4]},
    ],
    "categories": [{"id": 9, "name": "dog"}, {"id": 3, "name": "cat"}],
}


def written(tmp_path, content):
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")
    (tmp_path / "set.json").write_text(json.dumps(content))
    return tmp_path / "set.json", tmp_path


def test_coco_file(tmp_path, caplog):
    found = B.read_coco(*written(tmp_path, SET))
    assert found.class_names == ["cat", "dog"]
    (picture,) = found.pictures
    np.testing.assert_allclose(
        picture.objects.boxes, [[0.1, 0.1, 0.5, 0.6], [0.8, 0.9, 1, 1]], atol=1e-6
    )
    np.testing.assert_array_equal(picture.objects.classes, [1, 0])
    np.testing.assert_array_equal(picture.objects.crowd, [False, True])
    assert "1 boxes of no area" in caplog.text


def changed(table, **values):
    content = json.loads(json.dumps(SET))
    content[table][0].update(values)
    return content


BROKEN = {
    "beyond the picture": (changed("annotations", bbox=[60, 5, 50, 20]), "within its image"),
    "not finite": (changed("annotations", bbox=[float("nan"), 5, 50, 20]), "finite"),
    "negative": (changed("annotations", bbox=[10, 5, -5, 20]), "finite"),
    "three numbers": (changed("annotations", bbox=[10, 5, 5]), "finite"),
    "unknown class": (changed("annotations", category_id=4), "categories"),
    "unknown image": (changed("annotations", image_id=4), "images"),
    "picture of no size": (changed("images", height=0), "in pixels"),
    "no such file": (changed("images", file_name="b.png"), "in the folder"),
    "twice the same class": (changed("categories", id=3), "its own"),
    "no object": ({**SET, "annotations": []}, "no object"),
    "no image": ({**SET, "images": []}, "0 images"),
    "other JSON": ([1], "format of COCO"),
    "missing table": ({"images": []}, "format of COCO"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_coco_file_is_refused(tmp_path, name):
    content, message = BROKEN[name]
    with pytest.raises(ValueError, match=message):
        B.read_coco(*written(tmp_path, content))


def test_no_coco_file(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        B.read_coco(tmp_path / "none.json", tmp_path)


def test_drawing():
    picture = np.zeros((60, 60, 3), "uint8")
    found = B.Detections(np.array([[0.2, 0.2, 0.9, 0.9]]), np.array([1]), np.array([0.5]))
    drawn = np.asarray(B.draw_boxes(picture, found, ["cat", "dog"]))
    assert drawn.any() and not picture.any()
