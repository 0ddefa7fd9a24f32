"""LR-ASPP: its shape, training, fusing, its int8 file, and what it refuses."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite import TFLiteRunner
from tests.helpers import images, outputs, randomize, relative_error, shallow_vgnets

SIZE, CLASSES = 64, 3


def vgnet_segmenter(**kwargs):
    with shallow_vgnets(1):
        backbone = keraslight.VGNetG("1.0mp", include_top=False, input_shape=(SIZE, SIZE, 3))
    return keraslight.LRASPP(backbone, CLASSES, SIZE, **kwargs)


def test_trained_fused_and_in_int8(tmp_path):
    segmenter = randomize(vgnet_segmenter(channels=16))
    assert segmenter.output_shape == (None, SIZE, SIZE, CLASSES)
    x = images(2, SIZE, SIZE, 3)
    masks = (x.mean(axis=-1) > 0).astype("int64")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    segmenter.compile(keras.optimizers.Adam(1e-2), loss=loss)
    first = segmenter.train_on_batch(x, masks)
    for _ in range(8):
        last = segmenter.train_on_batch(x, masks)
    assert last < first
    segmenter.save(tmp_path / "segmenter.keras")
    loaded = keras.models.load_model(tmp_path / "segmenter.keras")
    np.testing.assert_array_equal(outputs(loaded, x)[0], outputs(segmenter, x)[0])
    fused = segmenter.fuse()
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in fused.layers)
    assert relative_error(segmenter, fused, x) < 1e-4
    quantized = keraslight.calibrate(keraslight.quantize_model(fused), [x], verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "segmenter.tflite", "int8")
    exact = keraslight.exact_model(quantized)
    found = TFLiteRunner(path).predict(x)
    np.testing.assert_array_equal(found, exact.predict(x, verbose=0))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["repvgg_a0", "igcv3_d_0_7", "mobilenetv4_conv_small"])
def test_every_family_is_a_backbone(name):
    backbone = keraslight.create_model(name, include_top=False, input_shape=(64, 96, 3))
    segmenter = keraslight.LRASPP(backbone, 2, (64, 96))
    assert segmenter.output_shape == (None, 64, 96, 2)
    keraslight.fuse(segmenter, tolerance=1e-3)


def test_bad_arguments_are_refused():
    backbone = keraslight.create_model("repvgg_a0", include_top=False, input_shape=(None, None, 3))
    for given in (
        {"classes": 0},
        {"channels": 1.5},
        {"levels": ("P5",)},
        {"levels": ("P3", "P9")},
        {"image_size": 80},
        {"backbone": "vgnet"},
        {"backbone": keras.Sequential([keras.Input((64, 64, 3)), keras.layers.ReLU()])},
    ):
        with pytest.raises(ValueError, match="Received: "):
            keraslight.LRASPP(**{"backbone": backbone, "classes": 2, "image_size": 64, **given})
