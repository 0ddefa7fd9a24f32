"""Backbones of ours in KerasHub's detector and segmenter: build, train, fuse, export."""

import keras
import numpy as np
import pytest

import keraslight
from tests.helpers import images, relative_error, shallow_vgnets

keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
SIZE = 64


@pytest.fixture
def backbone():
    with shallow_vgnets(1):
        return keraslight.VGNetG("1.0mp", include_top=False, input_shape=(SIZE, SIZE, 3))


def assert_fuses_and_exports(model, tmp_path):
    fused = keraslight.fuse(model, tolerance=1e-3)
    assert relative_error(model, fused, images(1, SIZE, SIZE, 3)) < 1e-3
    assert keraslight.export_tflite(fused, tmp_path / "model.tflite").stat().st_size > 10_000


def test_retinanet(backbone, tmp_path):
    features = keras_hub.models.RetinaNetBackbone(
        backbone, min_level=3, max_level=5, use_p5=False, image_shape=(SIZE, SIZE, 3)
    )
    detector = keras_hub.models.RetinaNetObjectDetector(
        features, num_classes=3, bounding_box_format="yxyx"
    )
    detector.compile("adam", jit_compile=False)
    objects = {
        "boxes": np.array([[[4, 4, 40, 40.0]]] * 2, "float32"),
        "labels": np.array([[1]] * 2),
    }
    history = detector.fit(images(2, SIZE, SIZE, 3), objects, batch_size=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert_fuses_and_exports(detector, tmp_path)


def test_deeplab(backbone, tmp_path):
    features = keras_hub.models.DeepLabV3Backbone(
        backbone,
        spatial_pyramid_pooling_key="P4",
        upsampling_size=4,
        dilation_rates=[2, 4],
        low_level_feature_key="P2",
        image_shape=(SIZE, SIZE, 3),
    )
    segmenter = keras_hub.models.DeepLabV3ImageSegmenter(features, num_classes=3)
    assert segmenter.output_shape == (None, SIZE, SIZE, 3)
    # KerasHub's metric takes one column per class
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    segmenter.compile("adam", loss, jit_compile=False)
    labels = np.eye(3)[np.zeros((2, SIZE, SIZE), "int64")]
    assert np.isfinite(segmenter.train_on_batch(images(2, SIZE, SIZE, 3), labels)).all()
    assert_fuses_and_exports(segmenter, tmp_path)


def test_ssdlite_on_a_backbone_of_kerashub():
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64, 64, 64],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        image_shape=(SIZE, SIZE, 3),
    )
    detector = keraslight.SSDLite(backbone, 2, SIZE)
    assert detector.grids == ((4, 4), (2, 2), (1, 1))
    fused = keraslight.fuse(detector)
    assert relative_error(detector, fused, images(1, SIZE, SIZE, 3)) < 1e-3
