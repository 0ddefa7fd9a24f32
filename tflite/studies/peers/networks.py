"""The networks of the comparison, with their published accuracies."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

import keraslight
from keraslight.weights.registry import published_for

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
    # at the size that its accuracy was published for
    published = published_for({"name": name})
    size = published.preprocessing.height if published else SIZE
    return lambda: keraslight.create_model(name, input_shape=(size, size, 3))


# ours: the name in the tables, and that of `create_model`. Left out are variants whose fused
# network has the structure of another here (VGNetC, E and F have that of VGNetG, QARepVGG that of
# RepVGG), and those of more than five billion multiply-adds.
OURS = {
    "VGNetG-1.0MP": "vgnetg_1_0mp",
    "VGNetG-1.0MP SE": "vgnetg_1_0mp_se",
    "VGNetG-1.5MP": "vgnetg_1_5mp",
    "VGNetG-1.5MP SE": "vgnetg_1_5mp_se",
    "VGNetG-2.0MP": "vgnetg_2_0mp",
    "VGNetG-2.0MP SE": "vgnetg_2_0mp_se",
    "VGNetG-2.5MP": "vgnetg_2_5mp",
    "VGNetG-2.5MP SE": "vgnetg_2_5mp_se",
    "RepVGG-A0": "repvgg_a0",
    "RepVGG-A1": "repvgg_a1",
    "RepVGG-B0": "repvgg_b0",
    "IGCV3-D 0.5": "igcv3_d_0_5",
    "IGCV3-D 0.75": "igcv3_d_0_75",
    "IGCV3-D 1.0": "igcv3_d_1_0",
    "FalconNet": "falconnet",
    "MobileOne-S0": "mobileone_s0",
    "MobileOne-S1": "mobileone_s1",
    "MobileOne-S2": "mobileone_s2",
    "MobileOne-S3": "mobileone_s3",
    "MobileOne-S4": "mobileone_s4",
    "MobileNetV4-Conv-S": "mobilenetv4_conv_small",
    "MobileNetV4-Conv-M": "mobilenetv4_conv_medium",
    "MobileNetV4-Conv-L": "mobilenetv4_conv_large",
    "LCNetV2-S": "lcnetv2_small",
    "LCNetV2-B": "lcnetv2_base",
    "LCNetV2-L": "lcnetv2_large",
    "RepGhostNet 0.5": "repghostnet_050",
    "RepGhostNet 0.58": "repghostnet_058",
    "RepGhostNet 0.8": "repghostnet_080",
    "RepGhostNet 1.0": "repghostnet_100",
    "RepGhostNet 1.11": "repghostnet_111",
    "RepGhostNet 1.3": "repghostnet_130",
    "RepGhostNet 1.5": "repghostnet_150",
    "RepGhostNet 2.0": "repghostnet_200",
    "RepViT-M0.9": "repvit_m0_9",
    "RepViT-M1.0": "repvit_m1_0",
    "RepViT-M1.1": "repvit_m1_1",
    "RepViT-M1.5": "repvit_m1_5",
    "RepViT-M2.3": "repvit_m2_3",
    "LightNet IRB": "lightnet_irb",
    "LightNet FasterNet": "lightnet_fasternet",
    "LightNet ShuffleNetV2": "lightnet_shufflenetv2",
}

PEERS = (
    Peer(REFERENCE, _applications("MobileNetV2"), 71.8, SLIM),
    Peer("MobileNetV2 1.4", _applications("MobileNetV2", alpha=1.4), 75.0, SLIM),
    Peer("MobileNetV2 0.75", _applications("MobileNetV2", alpha=0.75), 69.8, SLIM),
    Peer("MobileNetV2 0.5", _applications("MobileNetV2", alpha=0.5), 65.4, SLIM),
    Peer("MobileNetV2 0.35", _applications("MobileNetV2", alpha=0.35), 60.3, SLIM),
    Peer("MobileNet 1.0", _applications("MobileNet"), 70.9, SLIM),
    Peer("MobileNet 0.75", _applications("MobileNet", alpha=0.75), 68.4, SLIM),
    Peer("MobileNet 0.5", _applications("MobileNet", alpha=0.5), 63.3, SLIM),
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
    Peer("EfficientNetB0", _applications("EfficientNetB0"), 77.1, KERAS),
    *(Peer(name, _ours(model)) for name, model in OURS.items()),
)
