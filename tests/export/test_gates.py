"""What the files of the fused models must not hold, whatever the machine: no noise here."""

import keras
import pytest

import keraslight
from keraslight import layers
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import LiteRTSession
from tests.exhaustive import exhaustive_but
from tests.helpers import randomize_norms
from tflite.studies.shared.files import write_int8

# that XNNPACK does not take in int8, or takes apart from the operator before them
SLOW_IN_INT8 = {"HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1"}
PERMUTING = {"TRANSPOSE", "RESHAPE", "GATHER"}
NETWORKS = {
    "VGNetG": lambda: small("vgnetg_1_0mp"),
    "VGNetG, hard swish": lambda: small("vgnetg_1_0mp", activation="hard_swish"),
    "VGNetF, SE": lambda: small("vgnetf_1_0mp_se"),
    "RepVGG": lambda: small("repvgg_a0"),
    "FalconNet": lambda: small("falconnet"),
    "IGCV3": lambda: small("igcv3_d_1_0"),
}
# the others are made of the blocks below
DEFAULT = ["VGNetG"]


def small(name, side=64, **kwargs):
    """Builds a network that ends with its logits: XNNPACK has no softmax in int8."""
    return keraslight.create_model(
        name, input_shape=(side, side, 3), classes=10, classifier_activation=None, **kwargs
    )


def chain(*blocks):
    """Builds a small network of blocks in a row."""
    x = start = keras.Input((16, 16, 16))
    for block in blocks:
        x = block(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keraslight.LightModel(start, keras.layers.Dense(4)(x))


BLOCKS = {
    "convolutions": lambda: chain(
        layers.RepVGGBlock(16),
        layers.InterleavedGroupBlock(16, residual=True),
        layers.Pointwise(16, se_ratio=0.25),
    ),
    "RefCO": lambda: chain(layers.RefCO(64), keras.layers.BatchNormalization()),
}


def operators_of(model, folder):
    """Writes int8 and float files; returns their operators, all of which XNNPACK must run."""
    write_int8(keraslight.fuse(model, target="int8"), folder / "int8.tflite")
    keraslight.export_tflite(keraslight.fuse(model, target="float"), folder / "float.tflite")
    for kind in ("int8", "float"):
        assert LiteRTSession(folder / f"{kind}.tflite").operators_outside_delegate() == []
    int8, float32 = (ModelFile(folder / f"{kind}.tflite").op_counts for kind in ("int8", "float"))
    assert not SLOW_IN_INT8 & int8.keys()
    assert not {"QUANTIZE", "DEQUANTIZE"} & int8.keys()
    return int8, float32


@pytest.mark.parametrize("name", BLOCKS)
def test_files_of_blocks(name, tmp_path):
    for counts in operators_of(randomize_norms(BLOCKS[name]()), tmp_path):
        # RefCO's two factors have a permutation between them
        assert name == "RefCO" or not PERMUTING & counts.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", exhaustive_but(DEFAULT, NETWORKS))
def test_files_of_networks(name, tmp_path):
    int8, float32 = operators_of(randomize_norms(NETWORKS[name]()), tmp_path)
    assert name == "FalconNet" or not PERMUTING & {*int8, *float32}
    if name == "VGNetG":
        assert sum(int8.values()) <= 153
        assert "SLICE" not in int8
        # those of SiLU are all the products left
        assert int8["MUL"] == int8["LOGISTIC"]
