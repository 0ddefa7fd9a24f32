"""SSDLite: its outputs, training, saving, fusing, and the losses beside loops."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.boxes import Anchors, Objects, training_targets
from keraslight.detection.ssdlite import FORMS
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs, randomize, relative_error, shallow_vgnets

SIZE, CLASSES = 64, 3


def vgnet_detector(**kwargs):
    with shallow_vgnets(1):
        backbone = keraslight.VGNetG("1.0mp", include_top=False, input_shape=(SIZE, SIZE, 3))
    return keraslight.SSDLite(backbone, CLASSES, SIZE, **kwargs)


def targets_of(detector, count=2):
    objects = Objects([[0.1, 0.1, 0.6, 0.7], [0.5, 0.5, 0.9, 0.8]], [0, 2])
    one = training_targets(objects, detector.anchor_boxes, CLASSES)
    return {name: np.stack([values] * count) for name, values in one.items()}


@pytest.mark.parametrize("form", exhaustive_but(["mobilenetv2"], FORMS))
def test_train_save_and_fuse(form, tmp_path):
    detector = randomize(vgnet_detector(form=form))
    assert detector.output["boxes"].shape[1:] == detector.anchor_boxes.shape
    assert detector.output["classes"].shape[1:] == (len(detector.anchor_boxes), CLASSES)
    assert detector.grids == ((4, 4), (2, 2), (1, 1))
    detector.compile(
        "adam", loss={"boxes": keraslight.BoxLoss(), "classes": keraslight.FocalLoss()}
    )
    x = images(2, SIZE, SIZE, 3)
    first = detector.train_on_batch(x, targets_of(detector), return_dict=True)["loss"]
    for _ in range(8):
        last = detector.train_on_batch(x, targets_of(detector), return_dict=True)["loss"]
    assert last < first
    fused = keraslight.fuse(detector)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in fused.layers)
    assert relative_error(detector, fused, x) < 1e-4
    detector.save(tmp_path / "detector.keras")
    loaded = keras.models.load_model(tmp_path / "detector.keras")
    np.testing.assert_array_equal(loaded.anchor_boxes, detector.anchor_boxes)
    assert loaded.anchors == detector.anchors
    np.testing.assert_array_equal(outputs(loaded, x)[0], outputs(detector, x)[0])
    assert keraslight.count_macs(detector) > 0


def test_what_it_has_learned_it_detects():
    """Outputs equal to the targets give back the objects."""
    detector = vgnet_detector()
    targets = targets_of(detector, 1)
    detector.predict = lambda *_, **__: {
        "boxes": targets["boxes"][..., :4],
        "classes": 20 * targets["classes"][..., :-1] - 10,
    }
    (found,) = detector.detect(images(1, SIZE, SIZE, 3))
    assert set(found.classes) == {0, 2}
    for box, place in zip(([0.1, 0.1, 0.6, 0.7], [0.5, 0.5, 0.9, 0.8]), (0, 2), strict=True):
        np.testing.assert_allclose(found.boxes[found.classes == place][0], box, atol=1e-5)


def test_finer_levels_and_a_backbone_of_any_size():
    with shallow_vgnets(1):
        backbone = keraslight.VGNetG("1.0mp", include_top=False)
    detector = keraslight.SSDLite(backbone, 2, (64, 96), levels=("P3", "P4", "P5"))
    assert detector.grids == ((8, 12), (4, 6), (2, 3), (1, 2), (1, 1))
    with pytest.raises(ValueError, match="P9"):
        keraslight.SSDLite(backbone, 2, 64, levels=("P9",))


BACKBONES = ["repvgg_a0", "igcv3_d_0_7", "mobileone_s0", "mobilenetv4_conv_small"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", BACKBONES)
def test_every_family_is_a_backbone(name):
    model = keraslight.create_model(name, include_top=False, input_shape=(64, 64, 3))
    detector = keraslight.SSDLite(model, 2, 64)
    assert detector.output["boxes"].shape[1:] == detector.anchor_boxes.shape
    keraslight.fuse(detector, tolerance=1e-3)


def test_bad_arguments_are_refused():
    backbone = keraslight.create_model("repvgg_a0", include_top=False, input_shape=(64, 64, 3))
    for given in (
        {"image_size": 96},
        {"image_size": (64,)},
        {"classes": 0},
        {"form": "ssd"},
        {"levels": ()},
        {"backbone": keras.Sequential([keras.Input((64, 64, 3)), keras.layers.ReLU()])},
        {"backbone": "vgnet"},
        {"anchors": Anchors(aspect_ratios=((1,),))},
    ):
        with pytest.raises(ValueError, match="Received: "):
            keraslight.SSDLite(**{"backbone": backbone, "classes": 2, "image_size": 64, **given})


def drawn_targets(seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((2, 30, CLASSES)) < 0.1).astype("float32")
    weights = np.where(rng.random((2, 30, 1)) < 0.8, 0.25, 0)
    return np.concatenate([labels, weights], -1), rng.normal(0, 2, (2, 30, CLASSES))


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


def test_focal_loss_is_the_papers():
    y, x = drawn_targets()
    expected = 0
    for labels, logits in zip(y.reshape(-1, 4), x.reshape(-1, 3), strict=True):
        for label, logit in zip(labels[:3], logits, strict=True):
            log_p = log_sigmoid(logit if label else -logit)
            alpha = 0.3 if label else 0.7
            expected -= labels[3] * alpha * (1 - np.exp(log_p)) ** 1.5 * log_p
    assert float(keraslight.FocalLoss(0.3, 1.5)(y, x)) == pytest.approx(expected / 2, rel=1e-5)


def test_hard_negative_loss_by_loop():
    y, x = drawn_targets()
    expected = 0
    for labels, logits in zip(y, x, strict=True):
        entropy = -(
            labels[:, :3] * log_sigmoid(x_ := logits) + (1 - labels[:, :3]) * log_sigmoid(-x_)
        )
        entropy, positive = entropy.sum(axis=1), labels[:, :3].max(axis=1) > 0
        counted = labels[:, 3] > 0
        hard = np.sort((entropy * 0.25)[~positive & counted])[::-1][: 2 * positive.sum()]
        expected += (entropy * labels[:, 3])[positive].sum() + hard.sum()
    loss = keraslight.HardNegativeLoss(ratio=2)
    assert float(loss(y, x)) == pytest.approx(expected / 2, rel=1e-5)


def test_losses_are_finite_and_saved():
    y, x = drawn_targets()
    for loss in (keraslight.FocalLoss(weight=2.0), keraslight.HardNegativeLoss(ratio=1)):
        assert np.isfinite(float(loss(y, 1e4 * x)))
        copy = keras.losses.deserialize(keras.losses.serialize(loss))
        assert float(copy(y, x)) == float(loss(y, x))
    with pytest.raises(ValueError, match="Received: "):
        keraslight.FocalLoss(gamma=-1)
    with pytest.raises(ValueError, match="Received: "):
        keraslight.BoxLoss(delta=0)
    with pytest.raises(ValueError, match="Received: "):
        keraslight.HardNegativeLoss(ratio=0)
