"""`weights=`: the published weights, a path or a url, end to end against a server on loopback."""

import dataclasses
import hashlib
import warnings

import keras
import numpy as np
import pytest

import keraslight
from keraslight.download import DownloadError
from keraslight.weights import registry
from keraslight.weights.inference import preprocessing_of
from keraslight.weights.load import load_weights
from keraslight.weights.names import TensorMap, assign, tensor_map
from keraslight.weights.registry import Source
from tests.golden import recipe
from tests.helpers import randomize_norms, shallow_vgnets, unchanged
from tests.models import golden_cases
from tests.weights.loopback import status, whole
from tests.weights.write_files import FORMATS

# a golden case of every family and naming, and the format its weights were published in
FAMILIES = {
    "vgnet_release__vgnetg_1_0mp_se": "torch_zip",
    "vgnet_paper__vgnetf_1_5mp": "torch_legacy",
    "repvgg_a0_64": "torch_legacy",
    "timm_repvgg_a0": "safetensors",
    "igcv3_d_0.7": "mxnet",
    "pytorchcv_igcv3_d_0.5": "torch_in_zip",
}
FASTEST = "vgnet_release__vgnetg_1_0mp__thumb32"
# a network of every family
NETWORKS = ("vgnetg_1_0mp", "repvgg_a0", "igcv3_d_0_5")
every_family = pytest.mark.parametrize("published", NETWORKS, indirect=True)


@pytest.mark.parametrize(
    ("name", "format"), [*FAMILIES.items(), *((FASTEST, format) for format in FORMATS)]
)
def test_golden_logits_through_a_url(name, format, server, cache):
    case, logits = recipe.load_case(golden_cases.FOLDER / f"{name}.json")
    tensors = recipe.state_dict(case)
    if format == "mxnet":  # it knows no scalars
        tensors = {k: v for k, v in tensors.items() if v.ndim}
    suffix, make = FORMATS[format]
    url = server.serve(f"/weights{suffix}", whole(make(tensors)))
    model = golden_cases.build_model(case, weights=url)
    kind = list(logits)[-1]
    received = golden_cases.logits_of(model, case, kind)
    np.testing.assert_allclose(received, logits[kind], rtol=0, atol=case["tolerance"])


def small(name, **kwargs):
    with shallow_vgnets():
        return keraslight.create_model(name, **{"input_shape": (64, 64, 3), **kwargs})


def tensors_of(model):
    """The weights of a model under their published names and in their published layout."""
    return {
        name: entry.to_published(keras.ops.convert_to_numpy(entry.variable))
        for name, entry in tensor_map(model).items()
    }


def assert_same_weights(model, other):
    """Asserts that all weights of `model` are in `other`, the classifier's apart."""
    for weight, value in zip(model.weights, other.get_weights(), strict=False):
        if "predictions" not in weight.path:
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), value)


class Published:
    """A network whose published file lies on loopback."""

    def __init__(self, name, server, monkeypatch):
        self.name = name
        self.model = randomize_norms(small(name))
        self.data = FORMATS["torch_zip"][1](tensors_of(self.model))
        digits = hashlib.sha256(self.data).hexdigest()[:8]
        self.url = server.serve("/weights.pth", whole(self.data))
        entry = registry.require_published(self.model.architecture)
        self.entry = dataclasses.replace(
            entry, sources=(Source(self.url, hash=f"sha256:{digits}"),)
        )
        self.publish(self.entry, monkeypatch)
        self.requests = server.requests

    def publish(self, entry, monkeypatch):
        name = self.model.architecture["family"]
        family = dataclasses.replace(registry.FAMILIES[name], published=(entry,))
        monkeypatch.setitem(registry.FAMILIES, name, family)


@pytest.fixture
def published(request, server, cache, monkeypatch):
    return Published(getattr(request, "param", NETWORKS[0]), server, monkeypatch)


@every_family
def test_imagenet_is_fetched_verified_and_cached(published, cache, capsys):
    model = small(published.name, weights="imagenet")
    for received, expected in zip(model.get_weights(), published.model.get_weights(), strict=True):
        np.testing.assert_array_equal(received, expected)
    assert model.architecture["weights"] == "weights.pth"
    assert [path.name for path in cache.iterdir()] == ["weights.pth"]
    assert "8 digits published" in capsys.readouterr().out

    # the second time nothing is asked for
    again = small(published.name, weights="imagenet")
    assert_same_weights(again, published.model)
    assert published.requests == ["/weights.pth"]
    assert capsys.readouterr().out == ""


def test_nothing_but_the_verified_file_is_loaded(published, cache):
    """Also if someone puts a converted copy beside it, as an earlier version did."""
    other = randomize_norms(small(published.name), seed=1)
    cache.mkdir(parents=True)
    digits = hashlib.sha256(published.data).hexdigest()[:16]
    other.save_weights(cache / f"{published.name}-{digits}-keras{keras.__version__}.weights.h5")
    assert_same_weights(small(published.name, weights="imagenet"), published.model)


@pytest.mark.parametrize(
    ("published", "head"),
    [("repvgg_a0", {"classes": 7}), ("igcv3_d_0_5", {"include_top": False})],
    indirect=["published"],
)
def test_the_classifier_of_every_family_can_be_left_out(head, published, cache):
    assert_same_weights(small(published.name, weights="imagenet", **head), published.model)


def test_another_classifier_keeps_its_initial_values(published, cache, capsys):
    keras.utils.set_random_seed(1)
    fresh = small(published.name, classes=7)
    keras.utils.set_random_seed(1)
    model = small(published.name, classes=7, weights="imagenet")
    assert_same_weights(model, published.model)
    head = model.get_layer("predictions").get_weights()
    for received, expected in zip(head, fresh.get_layer("predictions").get_weights(), strict=True):
        np.testing.assert_array_equal(received, expected)
    lines = [line for line in capsys.readouterr().out.splitlines() if "classifier" in line]
    assert lines == [
        f"{published.name}: the checkpoint's classifier was left out; "
        "the model's keeps its initial values."
    ]


def test_load_checkpoint_leaves_a_classifier_out_only_if_asked(published, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(published.data)
    for head, message in (
        ({"classes": 7}, r"(?s)misshaped: .*instead of \(7,.*skip_classifier=True leaves it out"),
        ({"include_top": False}, r"(?s)unexpected: .*skip_classifier=True leaves it out"),
    ):
        model = small(published.name, **head)
        with unchanged(model), pytest.raises(ValueError, match=message):
            keraslight.load_checkpoint(model, path)
        keraslight.load_checkpoint(model, path, skip_classifier=True)
        assert_same_weights(model, published.model)
    model = small(published.name)
    keraslight.load_checkpoint(model, path, skip_classifier=True)
    np.testing.assert_array_equal(model.get_weights()[-1], published.model.get_weights()[-1])


def test_without_top(published, cache, capsys):
    model = small(published.name, include_top=False, weights="imagenet")
    assert_same_weights(model, published.model)
    assert "classifier was left out; the model's does not exist" in capsys.readouterr().out


def test_other_input_channels_do_not_fit(published, cache):
    with pytest.raises(ValueError, match=r"(?s)misshaped: .*Received: path="):
        small(published.name, input_shape=(64, 64, 1), weights="imagenet")


def test_the_error_when_the_url_is_dead(published, server, cache):
    server.answers["/weights.pth"] = status(404)
    with pytest.raises(DownloadError) as error:
        small(published.name, weights="imagenet")
    digits = published.entry.sources[0].hash.removeprefix("sha256:")
    for part in ("404 Not Found", "weights.pth", digits, "pass its path as `weights`", str(cache)):
        assert part in str(error.value)
    assert not list(cache.iterdir())


def test_a_second_source_with_another_preprocessing(published, server, cache, monkeypatch, capsys):
    other = dataclasses.replace(published.entry.preprocessing, mean=(127.5, 127.5, 127.5))
    url = server.serve("/other.pth", whole(published.data))
    sources = (Source(f"{server.url}/dead.pth"), Source(url, preprocessing=other))
    published.publish(dataclasses.replace(published.entry, sources=sources), monkeypatch)
    model = small(published.name, weights="imagenet")
    assert_same_weights(model, published.model)
    assert preprocessing_of(model) == other
    assert preprocessing_of(published.name) == published.entry.preprocessing
    assert "other.pth needs other preprocessing than dead.pth" in capsys.readouterr().out


def test_a_local_file(published, cache, tmp_path):
    path = tmp_path / "local.pth"
    path.write_bytes(published.data)
    assert_same_weights(small(published.name, weights=path), published.model)
    assert_same_weights(small(published.name, weights=str(path)), published.model)
    assert published.requests == []
    assert not cache.exists()


def first_kernel(tensors):
    return next(name for name, value in tensors.items() if value.ndim == 4)


def without(tensors):
    del tensors[first_kernel(tensors)]


def misshapen(tensors):
    tensors[first_kernel(tensors)] = np.zeros((2, 2), "float32")


def not_a_number(tensors):
    tensors[first_kernel(tensors)] = np.full_like(tensors[first_kernel(tensors)], np.nan)


def infinite(tensors):
    tensors[first_kernel(tensors)] = np.full_like(tensors[first_kernel(tensors)], np.inf)


def infinite_as_float32(tensors):
    tensors[first_kernel(tensors)] = np.full(tensors[first_kernel(tensors)].shape, 1e300)


def superfluous(tensors):
    tensors["x"] = np.zeros(1, "float32")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (without, "missing"),
        (misshapen, "misshaped"),
        (not_a_number, "not finite"),
        (infinite, "not finite"),
        (infinite_as_float32, "not finite"),
        (superfluous, "unexpected"),
    ],
)
def test_tensors_that_do_not_fit_leave_nothing(damage, reason, server, cache):
    model = small("vgnetg_1_0mp")
    tensors = tensors_of(model)
    damage(tensors)
    url = server.serve("/weights.npz", whole(FORMATS["npz"][1](tensors)))
    with unchanged(model), pytest.raises(ValueError, match=f"(?s)left as it was.*{reason}: "):
        load_weights(model, url)
    assert not list(cache.iterdir())


def test_a_classifier_of_any_name_is_told_from_the_rest():
    model = small("vgnetg_1_0mp", classes=3)
    tensors = TensorMap()
    tensors.classifier("last layer", model)
    values = {name: np.zeros(1) for name in tensors}
    with pytest.raises(ValueError, match=r"(?s)misshaped: last layer.*skip_classifier=True"):
        assign(model, tensors, values, "file.npz", skip_classifier=False)


def test_names_from_a_file_are_safe_to_print(tmp_path):
    model = small("vgnetg_1_0mp")
    tensors = tensors_of(model)
    tensors |= {f"\x1b]0;owned\x07\u202e{'x' * 5000}{n}": np.zeros(1) for n in range(500)}
    path = tmp_path / "weights.npz"
    np.savez(path, **tensors)
    with pytest.raises(ValueError, match=r"unexpected: \\x1b\]0;owned\\x07\\u202exxx") as error:
        keraslight.load_checkpoint(model, path)
    message = str(error.value)
    assert all(line.isprintable() for line in message.splitlines())
    assert "and 480 more" in message
    assert len(message) < 20_000


def test_a_hostile_file_leaves_nothing(server, cache):
    url = server.serve("/weights.pth", whole(b"\x80\x02cos\nsystem\n."))
    with pytest.raises(ValueError, match=r"asks for os\.system"):
        small("vgnetg_1_0mp", weights=url)
    assert not list(cache.iterdir())


def test_networks_without_published_weights():
    with pytest.raises(ValueError, match=r"vgnetg_1_0mp, .*pass the path or the url.*vgnetg_5_0mp"):
        registry.require_published({"name": "vgnetg_5_0mp", "version": 2})
    with pytest.raises(ValueError, match="Those of vgnetc_1_5mp are for version 1"):
        registry.require_published({"name": "vgnetc_1_5mp", "version": 2})
    with pytest.raises(ValueError, match=r"Those of repvgg_a0 are for .* without fused=True"):
        small("repvgg_a0", fused=True, weights="imagenet")
    with pytest.raises(ValueError, match=r"FalconNet never published any weights.*repvgg_a0"):
        small("falconnet", weights="imagenet")


def test_a_network_without_published_names_takes_keras_files_only(tmp_path):
    model = small("lightnet_irb")
    model.save_weights(tmp_path / "mine.weights.h5")
    assert_same_weights(small("lightnet_irb", weights=tmp_path / "mine.weights.h5"), model)
    np.savez(tmp_path / "x.npz", x=np.zeros(1))
    with pytest.raises(ValueError, match=r"'repvgg', 'vgnet'.*Received: model="):
        small("lightnet_irb", weights=tmp_path / "x.npz")


def test_other_keras_models_take_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match=r"before they are fused.*Received: model="):
        keraslight.load_checkpoint(keras.Sequential([keras.Input((3,))]), tmp_path / "x.npz")


def test_an_unsharp_blur_is_loaded_with_a_warning(tmp_path):
    model = small("vgnetg_1_0mp")
    tensors = tensors_of(model)
    names = [name for name in tensors if name.endswith("downsample.weight")]
    path = tmp_path / "weights.npz"
    np.savez(path, **tensors)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        keraslight.load_checkpoint(model, path)
    # as in the authors' code of the day before the release: not divided by its sum
    tensors[names[0]] = tensors[names[0]] / tensors[names[0]].max()
    np.savez(path, **tensors)
    with pytest.warns(UserWarning, match=f"other fixed kernels .*: {names[0]}$"):
        keraslight.load_checkpoint(model, path)
    np.testing.assert_array_equal(tensors_of(model)[names[0]], tensors[names[0]])


@pytest.fixture
def keras_file(tmp_path):
    model = randomize_norms(small("vgnetg_1_0mp"))
    path = tmp_path / "mine.weights.h5"
    model.save_weights(path)
    return model, path


def test_keras_files(keras_file, server, cache, capsys):
    model, path = keras_file
    assert_same_weights(small("vgnetg_1_0mp", weights=path), model)
    assert_same_weights(small("vgnetg_1_0mp", include_top=False, weights=path), model)
    assert "classifier" not in capsys.readouterr().out
    assert_same_weights(small("vgnetg_1_0mp", classes=3, weights=path), model)
    assert "classifier was left out" in capsys.readouterr().out
    url = server.serve("/mine.weights.h5", whole(path.read_bytes()))
    assert_same_weights(small("vgnetg_1_0mp", weights=url), model)


def test_keras_files_that_do_not_fit(keras_file, tmp_path):
    model, path = keras_file
    other = small("vgnetg_1_0mp_se")
    with unchanged(other), pytest.raises(ValueError, match="left as it was"):
        load_weights(other, path)
    seven = small("vgnetg_1_0mp", classes=7)
    with unchanged(seven), pytest.raises(ValueError, match="left as it was"):
        keraslight.load_checkpoint(seven, path)
    keraslight.load_checkpoint(seven, path, skip_classifier=True)
    assert_same_weights(seven, model)
    weights = model.get_weights()
    model.set_weights([*weights[:-1], np.full_like(weights[-1], np.nan)])
    model.save_weights(tmp_path / "nan.weights.h5")
    fresh = small("vgnetg_1_0mp")
    with unchanged(fresh), pytest.raises(ValueError, match=r"not finite: .*predictions/bias"):
        keraslight.load_checkpoint(fresh, tmp_path / "nan.weights.h5")
    with pytest.raises(FileNotFoundError):
        keraslight.load_checkpoint(fresh, tmp_path / "none.weights.h5")


def test_a_keras_file_with_a_layer_missing(keras_file, tmp_path):
    model, _ = keras_file
    keras.Model(model.inputs, model.get_layer("stage2_concat").output).save_weights(
        tmp_path / "part.weights.h5"
    )
    fresh = small("vgnetg_1_0mp")
    with unchanged(fresh), pytest.raises(ValueError, match="left as it was"):
        keraslight.load_checkpoint(fresh, tmp_path / "part.weights.h5")
