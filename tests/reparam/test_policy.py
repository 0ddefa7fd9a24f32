"""Every form that a policy can choose is the same function."""

import json
import pathlib

import keras
import pytest

import keraslight
from keraslight import machine
from keraslight.graph import policy as policy_module
from keraslight.graph.policy import (
    TARGETS,
    Form,
    Policy,
    declare,
    measured_kinds,
    measured_policy,
    policy_for,
)
from keraslight.layers import InterleavedGroupBlock, RefCO
from keraslight.tflite.runner import TFLiteRunner
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs, randomize_norms, relative_error, signal_to_noise
from tests.quantization import small_models

TOLERANCE = 1e-5
VGNETS = ["vgnetg_1_0mp", "vgnetg_2_0mp", "vgnetf_1_0mp_se"]


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("size", [(None, None, 3), (33, 48, 3)])
@pytest.mark.parametrize("name", exhaustive_but(["vgnetg_1_0mp"], VGNETS))
@pytest.mark.parametrize("border", ["sum", "added"])
def test_vgnet_for_float(border, name, size):
    model = keraslight.create_model(name, input_shape=size, classes=5, classifier_activation=None)
    policy = Policy("float", border=border)
    fused = randomize_norms(model).fuse(target=policy)
    assert relative_error(model, fused, images(2, 33, 48, 3)) <= TOLERANCE


def test_a_model_fused_for_float_quantizes(tmp_path):
    """Slower than one fused for int8, and as exact."""
    fused = keraslight.fuse(small_models.build("vgnetg"), target="float")
    quantized = keraslight.quantize_model(fused)
    x = images(16, *small_models.SHAPE)
    keraslight.calibrate(quantized, [x], verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "int8.tflite", "int8")
    y = TFLiteRunner(path).predict(x)
    assert signal_to_noise(outputs(fused, x)[0], y) >= 20


def block(size, **kwargs):
    """A block between two convolutions, as in a network."""
    start = keras.Input(size)
    x = keras.layers.Conv2D(12, 3, name="before")(start)
    x = InterleavedGroupBlock(name="block", **kwargs)(x)
    return randomize_norms(keras.Model(start, keras.layers.Conv2D(4, 1, name="after")(x)))


@pytest.mark.parametrize("size", [(None, None, 3), (13, 10, 3)])
@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": 12, "residual": True},
        {"filters": 16, "strides": 2, "expansion": 4},
        {"filters": 18, "expand_groups": 4, "project_groups": 3, "expansion": 2},
    ],
)
def test_interleaved_groups(arguments, size):
    model = block(size, **arguments)
    macs = keraslight.count_macs(model, (13, 10, 3))
    x = images(2, 13, 10, 3)
    for form in ("dense", "branches", "duplicated"):
        fused = keraslight.fuse(model, target=Policy(interleaved=form))
        assert relative_error(model, fused, x) <= TOLERANCE
        assert not {"Reshape", "Permute", "Transpose", "Take"} & set(kinds(fused))
        assert (keraslight.count_macs(fused, (13, 10, 3)) == macs) == (form != "dense")


def test_interleaved_groups_that_do_not_divide():
    model = block((9, 9, 3), filters=12, expansion=1, expand_groups=3)
    kernel_counts = kinds(keraslight.fuse(model, target=Policy(interleaved="branches")))
    assert kernel_counts.count("Conv2D") == 2 + 2 * 2
    model = block((9, 9, 3), filters=12, expansion=1, expand_groups=4)  # 12 / 8 channels
    kernel_counts = kinds(keraslight.fuse(model, target=Policy(interleaved="branches")))
    assert kernel_counts.count("Conv2D") == 2 + 2


@pytest.mark.parametrize("form", ["dense", "mixed", "grouped"])
def test_factor_pairs(form):
    start = keras.Input((7, 8, 16))
    x = RefCO(32, name="wide")(start)
    x = keras.layers.ReLU(name="act")(x)
    model = keras.Model(start, RefCO(16, name="narrow")(x))
    fused = keraslight.fuse(model, target=Policy(narrow_pair=form, wide_pair=form))
    assert relative_error(model, fused, images(2, 7, 8, 16)) <= TOLERANCE


def test_policies_by_name_and_file(tmp_path):
    assert policy_for("int8") == Policy("int8")
    policy = Policy("float")
    assert policy_for(policy) is policy
    path = tmp_path / "phone.json"
    path.write_text(json.dumps({"policy": {"interleaved": "branches"}, "measured": {}}))
    assert policy_for(path) == Policy(interleaved="branches")


def test_a_file_of_tune_says_its_target(tmp_path):
    (tmp_path / "here.json").write_text('{"target": "float", "policy": {"join": "concat"}}')
    assert policy_for(tmp_path / "here.json") == Policy("float", join="concat")


def test_targets_of_machines():
    targets = keraslight.list_targets()
    assert targets[:2] == ["float", "int8"] and "int8:amx" in targets
    assert all(dict(policy_for(target)).keys() == dict(Policy()).keys() for target in targets)
    grouped, dense = policy_for("int8:avx512_vnni"), policy_for("int8:amx")
    assert (grouped["wide_pair"], dense["wide_pair"]) == ("grouped", "dense")
    assert Policy("int8:avx512_vnni", wide_pair="mixed")["wide_pair"] == "mixed"
    with pytest.raises(ValueError, match=r"'int8:amx'.*Received: target='int8:abacus'"):
        Policy("int8:abacus")


@pytest.mark.parametrize("kind", measured_kinds())
@pytest.mark.parametrize("target", TARGETS)
def test_no_default_is_slower_than_the_plain_network(target, kind):
    """On any machine that was measured, but for the 3 % by which two runs differ."""
    policy, figures = Policy(target), measured_policy(target, kind)["figures"]
    defaults = [
        f for f in figures if all(policy[name] == value for name, value in f["policy"].items())
    ]
    assert {"VGNetG-1.0MP", "RepVGG-A0", "IGCV3-D", "FalconNet"} <= {f["network"] for f in defaults}
    assert [f for f in defaults if f["ratio"] > 1.03] == []


@pytest.fixture
def another_machine(monkeypatch):
    """Lets this be a machine of a kind that was not measured."""
    policy_module._warn_of.cache_clear()
    monkeypatch.setattr(machine, "features", lambda: ["NEON", "NEON dotprod"])
    yield
    policy_module._warn_of.cache_clear()


def told(warnings):
    return [w for w in warnings if "processor like this one" in str(w.message)]


def test_a_machine_that_was_not_measured_is_told_once(another_machine, recwarn):
    with pytest.warns(UserWarning, match=r"not on a processor like this one.*neon_dotprod"):
        keraslight.fuse(block((9, 9, 3), filters=12))
    keraslight.fuse(block((9, 9, 3), filters=12))
    assert not told(recwarn)


def test_nothing_is_told_where_nothing_was_chosen(another_machine, recwarn):
    start = keras.Input((8, 8, 3))
    x = keraslight.layers.RepVGGBlock(4)(start)
    keraslight.fuse(keras.Model(start, x))
    keraslight.fuse(block((9, 9, 3), filters=12), target=Policy(interleaved="dense"))
    keraslight.fuse(block((9, 9, 3), filters=12), target="int8:amx")
    assert not told(recwarn)


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match=r"'float', 'int8'.*Received: target='int4'"):
        policy_for("int4")
    with pytest.raises(ValueError, match=r"`border`.*Received: border='maps'"):
        Policy(border="maps")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json"):
        policy_for(tmp_path / "other.json")
    (tmp_path / "newer.json").write_text('{"policy": {"border": "maps"}}')
    with pytest.raises(ValueError, match=r"maps.*newer\.json"):
        policy_for(tmp_path / "newer.json")


def test_forms_that_no_layer_has_declared_are_kept_with_a_warning(tmp_path):
    (tmp_path / "more.json").write_text('{"policy": {"border": "sum", "depth": 3}}')
    with pytest.warns(UserWarning, match="depth"):
        policy = policy_for(tmp_path / "more.json")
    assert (policy["border"], policy["depth"], policy["join"]) == ("sum", 3, "concat")


def test_a_layer_declares_its_own_forms(monkeypatch):
    monkeypatch.setattr(policy_module, "FORMS", dict(policy_module.FORMS))

    class Scaled(keraslight.layers.ReparamLayer):
        forms = (Form("written_as", ("rescaling", "product"), float="product", int8="rescaling"),)

        def call(self, inputs):
            return inputs * 2

        def deploy(self, inputs, policy):
            if policy["written_as"] == "product":
                return inputs * 2
            return keras.layers.Rescaling(2.0, name=self.name)(inputs)

    start = keras.Input((4, 4, 3))
    model = keras.Model(start, Scaled()(start))
    assert "Rescaling" in kinds(keraslight.fuse(model))
    assert "Rescaling" not in kinds(keraslight.fuse(model, target="float"))
    with pytest.raises(ValueError, match="Received: written_as='sum'"):
        Policy(written_as="sum")
    with pytest.raises(ValueError, match="Another form of the name 'written_as'"):
        declare(Form("written_as", (1, 2), float=1, int8=2))


def test_every_form_is_in_the_documentation():
    text = (pathlib.Path(__file__).parents[2] / "docs" / "fuse.md").read_text()
    for form in policy_module.FORMS.values():
        assert f"`{form.name}`" in text
        assert all(f"`{choice}`" in text for choice in form.choices)
