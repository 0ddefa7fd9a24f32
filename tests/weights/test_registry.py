"""The tables of published weights are what they claim to be."""

import re

import pytest

import keraslight
from keraslight.weights.readers import suffix_of
from keraslight.weights.registry import (
    FAMILIES,
    Source,
    published_for,
    published_weights,
    register_family,
)

# every network of these families has published weights
TIMM_FAMILIES = ("mobileone", "mobilenetv4", "repvit", "repghost", "lcnetv2")
SOURCES = [source for weights in published_weights() for source in weights.sources]


@pytest.fixture(autouse=True)
def fresh_session():
    """Hardly a model is built here."""


def test_all_that_was_asked_for_is_there():
    names = {(weights.name, weights.version) for weights in published_weights()}
    for size in ("1_0mp", "1_5mp", "2_0mp", "2_5mp"):
        assert {(f"vgnetg_{size}", 2), (f"vgnetg_{size}_se", 2)} <= names
    assert {("vgnetc_1_5mp", 1), ("vgnetf_1_5mp", 1), ("vgnete_1_5mp", 1)} <= names
    for variant in ("a0", "a1", "a2", "b0", "b1", "b1g4", "b2", "b2g4", "b3", "b3g4", "d2se"):
        assert (f"repvgg_{variant}", None) in names
    for family in TIMM_FAMILIES:
        assert {name for name, _ in names} >= set(keraslight.list_models(family))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.file)
def test_every_source_can_be_read_and_verified_as_far_as_published(source):
    assert source.url.startswith("https://")
    suffix_of(source.file)
    if source.hash is not None:
        algorithm, digits = re.fullmatch("(sha256|sha1):([0-9a-f]+)", source.hash).groups()
        assert len(digits) in (8, {"sha256": 64, "sha1": 40}[algorithm])
        if len(digits) == 8:
            assert f"-{digits}." in source.url
    elif "huggingface.co" not in source.url:
        assert "no hash" in source.verifiable


@pytest.mark.parametrize("hash", ["", "sha256:", "sha256:123", "md5:12345678", "sha256:XYZ45678"])
def test_a_hash_that_verifies_nothing_is_refused(hash):
    with pytest.raises(ValueError, match=f"Received: hash='{hash}'"):
        Source("https://host/w.pth", hash=hash)


def test_a_source_with_an_unknown_naming_is_refused():
    weights = FAMILIES["igcv3"].published[0]
    with pytest.raises(ValueError, match=r"one of \['timm'\].*Received: naming='pytorchcv'"):
        register_family("x", {"timm": None}, [weights])
    assert "x" not in FAMILIES


@pytest.mark.parametrize("option", [{"thumbnail": True}, {"activation": "silu"}])
def test_published_weights_are_those_of_the_network_as_published(option):
    architecture = {"family": "vgnet", "name": "vgnetg_1_0mp", "version": 2, "options": {}}
    assert published_for(architecture).top1 == 68.128
    assert published_for({**architecture, "options": option}) is None
    del architecture["options"]
    assert published_for(architecture) is None, "files of earlier versions do not say their options"


def test_every_naming_maps_every_variable_of_a_network():
    for name in ("vgnetf_1_5mp", "igcv3_d_0_5", "repvgg_a0"):
        model = keraslight.create_model(name, input_shape=(64, 64, 3))
        for naming in FAMILIES[model.architecture["family"]].namings.values():
            variables = {id(entry.variable) for entry in naming(model).values()}
            assert variables == {id(variable) for variable in model.weights}


def test_files_do_not_collide_in_the_cache():
    files = [source.file for source in SOURCES]
    assert len(set(files)) == len(files)


def test_every_network_is_one_that_can_be_built():
    families = {name.split("_")[0] for name in keraslight.list_models()}
    for weights in published_weights():
        if weights.name.split("_")[0] in families:
            assert weights.name in keraslight.list_models()
        assert weights.licence
        assert weights.top1 is None or (50 < weights.top1 < 90 and weights.top1_source)
        assert weights.preprocessing.resize >= weights.preprocessing.height
        assert published_for({"name": weights.name, "version": weights.version}) is weights
