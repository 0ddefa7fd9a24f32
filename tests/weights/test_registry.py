"""The tables of published weights are what they claim to be."""

import re

import pytest

import keraslight
from keraslight.weights.readers import suffix_of
from keraslight.weights.registry import published_for, published_weights

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
        assert weights.preprocessing.resize >= weights.preprocessing.size
        assert published_for({"name": weights.name, "version": weights.version}) is weights
