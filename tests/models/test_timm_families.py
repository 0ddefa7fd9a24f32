"""The families whose reference is timm: counts, the fused form and the int8 form."""

from typing import NamedTuple

import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite.runner import TFLiteRunner
from keraslight.weights.names import tensor_map
from tests.exhaustive import exhaustive_but
from tests.export.files import tensor_types
from tests.helpers import images, outputs, randomize_norms, relative_error
from tests.models.golden_cases import trainable_parameters


class Counts(NamedTuple):
    """What was published of a network.

    Attributes:
        trained: the parameters in training, as timm counts them.
        deployed: millions of parameters at inference, as the paper gives them.
        macs: millions of multiply-adds at inference and 224x224 pixels, as the paper gives them.
    """

    trained: int
    deployed: float | None = None
    macs: float | None = None


COUNTS = {
    "mobileone_s0": Counts(5293272, 2.1, 275),
    "mobileone_s1": Counts(4825192, 4.8, 825),
    "mobileone_s2": Counts(7884648, 7.8, 1299),
    "mobileone_s3": Counts(10170600, 10.1, 1896),
    "mobileone_s4": Counts(14951248, 14.8, 2978),
    "mobilenetv4_conv_small": Counts(3774024, 3.8),
    "mobilenetv4_conv_medium": Counts(9715512),
    "mobilenetv4_conv_large": Counts(32590864),
    "repvit_m0_9": Counts(5489328, 5.1),
    "repvit_m1_0": Counts(7302796, 6.8),
    "repvit_m1_1": Counts(8802912, 8.2),
    "repvit_m1_5": Counts(14644432, 14.0),
    "repvit_m2_3": Counts(23688792, 22.9),
    "repghostnet_050": Counts(2313968, 2.3, 43),
    "repghostnet_058": Counts(2546388, 2.5, 60),
    "repghostnet_080": Counts(3278968, 3.3, 96),
    "repghostnet_100": Counts(4073604, 4.1, 142),
    "repghostnet_111": Counts(4539984, 4.5, 170),
    "repghostnet_130": Counts(5478612, 5.5, 231),
    "repghostnet_150": Counts(6575336, 6.6, 301),
    "repghostnet_200": Counts(9796124, 9.8, 516),
    "lcnetv2_small": Counts(4128552),
    "lcnetv2_base": Counts(6687208, 6.6),
    "lcnetv2_large": Counts(10542120),
}
# network: a stage up to which it has every kind of block
SMALL = {
    "mobileone_s1": "stage2",
    "mobilenetv4_conv_small": "stage3",
    "repvit_m0_9": "stage2",
    "repghostnet_050": "stage4",
    "lcnetv2_small": "stage3",
}
# families with an argument `fused`
BUILT_FUSED = ("mobileone",)


def build(name, **kwargs):
    return keraslight.create_model(
        name, input_shape=(64, 64, 3), classifier_activation=None, **kwargs
    )


@pytest.mark.parametrize("name", exhaustive_but(SMALL, COUNTS))
def test_counts_and_fused_form(name):
    model = build(name)
    counts = COUNTS[name]
    assert trainable_parameters(model) == counts.trained
    fused = randomize_norms(model).fuse()
    if counts.deployed is not None:
        assert fused.count_params() / 1e6 == pytest.approx(counts.deployed, abs=0.1)
    if counts.macs is not None:
        macs = keraslight.count_macs(fused, (224, 224, 3)) / 1e6
        assert macs == pytest.approx(counts.macs, rel=0.01)
    x = images(2, 64, 64, 3)
    assert relative_error(model, fused, x) <= 1e-5
    assert all(type(layer).__module__.startswith("keras.") for layer in fused.layers)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in fused.layers)
    if name.startswith(BUILT_FUSED):
        built = build(name, fused=True)
        built.set_weights(fused.get_weights())
        np.testing.assert_array_equal(outputs(built, x)[0], outputs(fused, x)[0])


@pytest.mark.parametrize(
    ("name", "stage"),
    exhaustive_but(SMALL.items(), [*SMALL.items(), *((name, None) for name in COUNTS)]),
)
def test_the_integers_are_those_of_the_file(name, stage, tmp_path):
    """The default run takes the first stages of a network, `pytest -m exhaustive` all of it."""
    model = randomize_norms(build(name))
    if stage is not None:
        model = model.with_outputs(model.stage(stage).output)
    quantized = keraslight.quantize_model(keraslight.fuse(model))
    x = images(2, 64, 64, 3)
    keraslight.calibrate(quantized, [x], method="minmax", bias_correction=False, verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite", "int8")
    assert tensor_types(path) <= {"INT8", "INT32"}
    exact = outputs(keraslight.exact_model(quantized), x)[0]
    np.testing.assert_array_equal(exact, TFLiteRunner(path).predict(x))
    assert len(np.unique(exact)) > 2


WITH_SPECIAL_TOP = ["lcnetv2_small", "mobilenetv4_conv_small", "repghostnet_050", "repvit_m0_9"]


@pytest.mark.parametrize("name", exhaustive_but(["lcnetv2_small"], WITH_SPECIAL_TOP))
def test_a_checkpoint_loads_into_a_backbone_without_the_top(name, tmp_path):
    model = randomize_norms(keraslight.create_model(name, input_shape=(32, 32, 3), classes=7))
    tensors = {
        name: entry.to_published(np.asarray(entry.variable))
        for name, entry in tensor_map(model).items()
    }
    np.savez(tmp_path / "weights.npz", **tensors)
    backbone = keraslight.create_model(
        name, input_shape=(32, 32, 3), include_top=False, weights=tmp_path / "weights.npz"
    )
    features = model.with_outputs(model.get_layer("avg_pool").input)
    x = images(1, 32, 32, 3)
    np.testing.assert_array_equal(outputs(backbone, x)[0], outputs(features, x)[0])
