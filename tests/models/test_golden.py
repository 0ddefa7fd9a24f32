"""Every golden case: logits within its tolerance, its parameters and its multiply-adds."""

import numpy as np
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.models import golden_cases

# more cases of structures that others have too
FURTHER = [
    "timm_mobileone_s4",
    "timm_mobilenetv4_conv_medium",
    "timm_mobilenetv4_conv_large",
    "repvgg_d2se",
    "igcv3_d_1.0",
    "vgnet_release__vgnetg_2_0mp",
]
NAMES = golden_cases.names()


@pytest.mark.parametrize("name", exhaustive_but([n for n in NAMES if n not in FURTHER], NAMES))
def test_golden(name, tmp_path):
    model, case, logits = golden_cases.build(name, tmp_path)
    for kind in logits:
        received = golden_cases.logits_of(model, case, kind)
        np.testing.assert_allclose(received, logits[kind], rtol=0, atol=case["tolerance"])
    if "trainable_params" in case:
        assert golden_cases.trainable_parameters(model) == case["trainable_params"]
    if "macs" in case:
        assert keraslight.count_macs(model) == case["macs"]
