"""What the files of the fused models must not hold, whatever the machine: no noise here."""

import pytest

import keraslight
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import LiteRTSession
from tests.exhaustive import exhaustive_but
from tests.helpers import randomize_norms
from tflite.studies.shared.files import write_int8

# that XNNPACK does not take in int8, or takes apart from the operator before them
SLOW_IN_INT8 = {"HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1"}
PERMUTING = {"TRANSPOSE", "RESHAPE", "GATHER"}
NETWORKS = {
    "VGNetG": lambda: small("vgnetg_1_0mp", side=224),
    "VGNetG, hard swish": lambda: small("vgnetg_1_0mp", activation="hard_swish"),
    "VGNetF, SE": lambda: small("vgnetf_1_0mp_se"),
    "RepVGG": lambda: small("repvgg_a0"),
    "FalconNet": lambda: small("falconnet"),
    "IGCV3": lambda: small("igcv3_d_1_0"),
}
# the others have no operation that these do not have
DEFAULT = ["VGNetG", "VGNetF, SE", "RepVGG", "FalconNet", "IGCV3"]


def small(name, side=64, **kwargs):
    """Builds a network that ends with its logits: XNNPACK has no softmax in int8."""
    return keraslight.create_model(
        name, input_shape=(side, side, 3), classes=10, classifier_activation=None, **kwargs
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", exhaustive_but(DEFAULT, NETWORKS))
def test_files(name, tmp_path):
    model = randomize_norms(NETWORKS[name]())
    write_int8(model.fuse(target="int8"), tmp_path / "int8.tflite")
    keraslight.export_tflite(model.fuse(target="float"), tmp_path / "float.tflite")
    counts = {}
    for kind in ("int8", "float"):
        path = tmp_path / f"{kind}.tflite"
        assert LiteRTSession(path).operators_outside_delegate() == []
        counts[kind] = ModelFile(path).op_counts
        # RefCO's two factors have a permutation between them
        assert name == "FalconNet" or not PERMUTING & counts[kind].keys()
    int8 = counts["int8"]
    assert not SLOW_IN_INT8 & int8.keys()
    assert not {"QUANTIZE", "DEQUANTIZE"} & int8.keys()
    if name == "VGNetG":
        assert sum(int8.values()) <= 153
        assert "SLICE" not in int8
        # those of SiLU are all the products left
        assert int8["MUL"] == int8["LOGISTIC"]
