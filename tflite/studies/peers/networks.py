"""The networks of the comparison, with their published accuracies."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

import keraslight

SIZE = 224
REFERENCE = "MobileNetV2 1.0"
# of about equal published accuracy
PAIRS = (("VGNetG-2.0MP", "MobileNetV2 1.0"), ("VGNetG-1.0MP", "MobileNetV2 0.75"))

SLIM = "table of TensorFlow-Slim's MobileNet checkpoints"
KERAS = "keras.io/api/applications"


@dataclass(frozen=True)
class Peer:
    """A network of the comparison.

    Attributes:
        name: str.
        build: returns the Keras model.
        top1: published ImageNet top-1 accuracy in percent; of our networks keraslight knows it.
        source: str, where it was published.
        int8_by: str, who quantizes it: `"keraslight"`, or `"tensorflow"` where keraslight's
            quantizer does not take a layer; then TensorFlow's converter does it.
    """

    name: str
    build: Callable[[], keras.Model]
    top1: float | None = None
    source: str | None = None
    int8_by: str = "keraslight"


def _applications(name, **arguments):
    def build():
        builder = getattr(keras.applications, name)
        return builder(weights=None, input_shape=(SIZE, SIZE, 3), **arguments)

    return build


def _ours(name):
    return lambda: keraslight.create_model(name, input_shape=(SIZE, SIZE, 3))


PEERS = (
    Peer(REFERENCE, _applications("MobileNetV2"), 71.8, SLIM),
    Peer("MobileNetV2 0.75", _applications("MobileNetV2", alpha=0.75), 69.8, SLIM),
    Peer("MobileNetV2 0.5", _applications("MobileNetV2", alpha=0.5), 65.4, SLIM),
    Peer("MobileNetV2 0.35", _applications("MobileNetV2", alpha=0.35), 60.3, SLIM),
    Peer("MobileNet 1.0", _applications("MobileNet"), 70.9, SLIM),
    Peer(
        "MobileNetV3-Small",
        _applications("MobileNetV3Small", include_preprocessing=False),
        67.5,
        SLIM,
    ),
    Peer(
        "MobileNetV3-Large",
        _applications("MobileNetV3Large", include_preprocessing=False),
        75.2,
        SLIM,
    ),
    # it normalizes pixels in the network, by a layer that has no int8 form
    Peer("EfficientNetB0", _applications("EfficientNetB0"), 77.1, KERAS, int8_by="tensorflow"),
    Peer("VGNetG-1.0MP", _ours("vgnetg_1_0mp")),
    Peer("VGNetG-1.0MP SE", _ours("vgnetg_1_0mp_se")),
    Peer("VGNetG-1.5MP", _ours("vgnetg_1_5mp")),
    Peer("VGNetG-2.0MP", _ours("vgnetg_2_0mp")),
    Peer("RepVGG-A0", _ours("repvgg_a0")),
    Peer("IGCV3-D 1.0", _ours("igcv3_d_1_0")),
    Peer("FalconNet", _ours("falconnet")),
)
