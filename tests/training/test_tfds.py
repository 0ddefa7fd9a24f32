import dataclasses
import io
import socket

import numpy as np
import pytest
from PIL import Image

from keraslight.pictures.tfds import read_split
from tests.training.test_data import PLAIN, assert_same, batches_of, evaluated
from tests.training.tiny_recipe import RECIPE
from training.data.data import load_source, make_data
from training.data.source import MemoryImages, decode
from training.data.tfds import Records, load_tfds

tfds = pytest.importorskip("tensorflow_datasets")
TRAIN, EVAL = 40, 10
BROKEN = 7


class Shades(tfds.core.GeneratorBasedBuilder):
    """Pictures whose first pixel tells their number."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=["even", "odd"]),
            "number": np.int64,
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
        )

    def _split_generators(self, dl_manager):
        return {"train": self.examples(TRAIN, broken=(BROKEN,)), "test": self.examples(EVAL)}

    def _generate_examples(self):
        raise NotImplementedError

    def examples(self, count, broken=()):
        for number in range(count):
            file = io.BytesIO()
            Image.fromarray(np.full((20, 20, 3), 5 * number, "uint8")).save(file, "png")
            if number in broken:
                file = io.BytesIO(b"not a picture")
            file.seek(0)
            yield number, {"image": file, "label": number % 2, "number": number}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    builder = Shades(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare(file_format="array_record")
    return builder


@pytest.fixture
def records(prepared):
    return load_tfds(None, prepared.data_path, "train", cache_gb=0)


def numbers(images):
    """Returns the numbers of normalized pictures."""
    red = images[:, 0, 0, 0] * PLAIN.std[0] + PLAIN.mean[0]
    return (red / 5).round().astype(int)


def test_a_prepared_folder_is_read_into_memory(prepared):
    recipe = dataclasses.replace(RECIPE, dataset=None)
    train, evaluation = (load_source(recipe, k, prepared.data_path) for k in ("train", "eval"))
    assert isinstance(train, MemoryImages)
    assert (len(train), len(train.broken), len(evaluation)) == (TRAIN, 1, EVAL)
    assert train.class_names == ["even", "odd"]
    for index in range(TRAIN):
        if index not in train.broken:
            picture, label = train.read(index)
            assert label == picture[0, 0, 0] // 5 % 2


def test_records_and_memory_give_the_same_batches(prepared, records):
    assert isinstance(records, Records)
    memory = load_tfds(None, prepared.data_path, "train")
    batches = batches_of(records, PLAIN, range(10))
    assert_same(batches, batches_of(memory, PLAIN, range(10)))
    assert len(records.broken) == 1
    epochs = [np.concatenate([numbers(x) for x, _ in batches[i : i + 5]]) for i in (0, 5)]
    assert (epochs[0] != epochs[1]).any()
    for epoch in epochs:
        assert len(epoch) == TRAIN
        assert len(set(epoch)) == TRAIN - 1


def test_records_are_evaluated_once(prepared):
    source = load_tfds(None, prepared.data_path, "eval", cache_gb=0)
    images, labels, weights = evaluated(source, PLAIN, 4)
    assert len(images) == 12
    found = numbers(images[weights > 0])
    assert sorted(found) == list(range(EVAL))
    np.testing.assert_array_equal(labels.argmax(-1)[weights > 0], found % 2)


def test_some_records_are_drawn_to_calibrate(records):
    sample = records.sample(8, seed=0)
    assert 7 <= len(sample) <= 8
    assert len({int(sample.read(key)[0][0, 0, 0]) for key in range(len(sample))}) == len(sample)


def test_records_are_held_out_for_good(prepared):
    def shown(source):
        return {numbers_of(source.example(i)) for i in range(len(source))}

    def numbers_of(example):
        return example and int(example[0][0, 0, 0])

    streamed, memory = (
        load_tfds(None, prepared.data_path, "train", "train[10:]", cache_gb=c) for c in (0, 4)
    )
    left, held = streamed.hold_out(0.2)
    assert (len(left), len(held)) == (24, 6)
    assert not shown(left) & shown(held)
    assert shown(left) | shown(held) == shown(streamed)
    assert shown(streamed.hold_out(6)[1]) == shown(held)
    assert memory.fingerprint() == left.fingerprint() == streamed.fingerprint()
    assert streamed.fingerprint()["pictures"] == 30
    assert streamed.fingerprint()["dataset"] == "shades/1.0.0"
    with pytest.raises(ValueError, match=r"Received: minival=30 of 30 pictures"):
        streamed.hold_out(30)


def test_a_run_goes_on_with_the_records_it_held_out_alone(prepared):
    recipe = dataclasses.replace(RECIPE, minival=0.2)
    streamed, again, memory = (
        make_data(
            *(load_tfds(None, prepared.data_path, kind, cache_gb=c) for kind in ("train", "eval")),
            recipe,
            seed=0,
        ).fingerprint()
        for c in (0, 0, 4)
    )
    assert streamed == again
    assert streamed["held_out"] != memory["held_out"]


def test_what_training_prepares_is_read_in_any_order_and_scored(tmp_path):
    source = load_tfds("shades", str(tmp_path), "train", cache_gb=0, download=True)
    assert isinstance(source, Records)
    assert source.read(0)[0].shape == (20, 20, 3)
    pictures = read_split("shades", "test", str(tmp_path), limit=5)
    assert [type(picture.source) for picture in pictures] == [bytes] * 5
    evaluation = load_tfds("shades", str(tmp_path), "eval")
    for index, picture in zip(range(0, EVAL, 2), pictures, strict=True):
        pixels, label = evaluation.read(index)
        np.testing.assert_array_equal(decode(picture.source), pixels)
        assert picture.label == evaluation.class_names[label]


def test_files_without_random_access_need_memory(tmp_path):
    builder = Shades(data_dir=tmp_path)
    builder.download_and_prepare(file_format="tfrecord")
    assert len(load_tfds(None, builder.data_path, "train")) == TRAIN
    with pytest.raises(ValueError, match=r"tfrecord, cannot be read.*array_record.*cache_gb=0"):
        load_tfds(None, builder.data_path, "train", cache_gb=0)


def test_what_is_missing_is_said_at_once(prepared, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"no data set of that name, but.*cifar10"):
        load_tfds("cifar1o", str(tmp_path), "train")
    with pytest.raises(ValueError, match="not prepared: pass --download, or run `tfds build"):
        load_tfds("cifar10", str(tmp_path), "train")
    with pytest.raises(ValueError, match="downloaded by hand"):
        monkeypatch.setenv("HOME", str(tmp_path))
        load_tfds("imagenet2012", str(tmp_path), "train", download=True)

    def refuse(address, timeout):
        assert timeout <= 5
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ValueError, match=r"no connection to www\.cs\.toronto\.edu within 5 s"):
        load_tfds("cifar10", str(tmp_path), "train", download=True)
    with pytest.raises(ValueError, match=r"has the splits \['train', 'test'\].*'validation'"):
        load_tfds(None, prepared.data_path, "eval", split="validation")
    with pytest.raises(ValueError, match="Name a folder of pictures"):
        load_source(RECIPE, "train", None)
