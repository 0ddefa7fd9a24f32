import keras
import pytest

import keraslight


def test_card_of_a_published_network():
    info = keraslight.model_info("vgnetg_1_0mp_se")
    assert info["trainable_parameters"] == 1146088
    # the running statistics and the fixed blurs too
    assert info["parameters"] == 1146088 + 9256 - 28
    assert info["bytes"] == 4 * info["parameters"]
    assert round(info["macs"] / 1e6, 3) == 141.443
    assert info["top1"] == 70.122
    assert info["preprocessing"]["resize"] == 232
    assert info["sources"] == [
        {
            "url": "https://github.com/ffiirree/cv-models/releases/download/"
            "v0.0.2-vgnets-weights/vgnetg_1_0mp_se-914a9c4a.pth",
            "file": "vgnetg_1_0mp_se-914a9c4a.pth",
            "naming": "ffiirree/cv-models",
            "verified": "SHA-256 914a9c4a..., the 8 digits published",
        }
    ]
    card = str(info)
    for part in ("1,146,088", "141,4", "70.122", "914a9c4a", "GPL-3.0", "resize 232"):
        assert part in card
    assert dict(info)["name"] == "vgnetg_1_0mp_se"


def test_card_of_a_model_of_another_size():
    model = keraslight.VGNetC(input_shape=(None, None, 3), classes=10)
    info = keraslight.model_info(model)
    assert info["macs"] is None
    assert info["top1"] is None
    assert info["sources"] == []
    assert "sources" in str(info)


def test_unknown_models():
    with pytest.raises(ValueError, match="Received: name='resnet'"):
        keraslight.model_info("resnet")
    with pytest.raises(ValueError, match="Received: model="):
        keraslight.model_info(keras.Sequential([keras.Input((3,))]))
