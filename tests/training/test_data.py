import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from keraslight.pictures.folder import list_pictures
from tests.training.pictures import CLASSES, EVAL, TRAIN, break_files, make_folder
from tests.training.tiny_recipe import RECIPE
from training.data.batches import eval_batches, train_batches
from training.data.data import make_data
from training.data.folder import load_folder
from training.data.order import Order
from training.data.source import ImageFiles, MemoryImages

SEED = 3
PLAIN = dataclasses.replace(RECIPE, mixup=0.0)
ALL = dataclasses.replace(RECIPE, rand_augment=(2, 0.5), mixup=0.2, cutmix=1.0, random_erasing=0.25)
TO_ONE = {"mean": (0.0, 0.0, 0.0), "std": (255.0, 255.0, 255.0)}


def arrays(batches):
    return [keras.tree.map_structure(keras.ops.convert_to_numpy, batch) for batch in batches]


def assert_same(batches, others):
    assert len(batches) == len(others) > 0
    for batch, other in zip(batches, others, strict=True):
        for a, b in zip(batch, other, strict=True):
            np.testing.assert_array_equal(a, b)


def batches_of(source, recipe, steps, size=16, seed=SEED, **workers):
    order = Order(len(source), recipe.batch_size, seed)
    return arrays(train_batches(source, recipe, order, steps, size, **workers))


def evaluated(source, recipe, batch_size):
    batches = zip(
        range(source.batches(batch_size)), eval_batches(source, recipe, batch_size), strict=False
    )
    return [np.concatenate(x) for x in zip(*arrays(b for _, b in batches), strict=True)]


def test_every_epoch_shows_every_example_once_in_an_order_of_its_own():
    order = Order(20, 4, SEED)
    epochs = [
        np.concatenate([order.indices(step) for step in range(start, start + 5)])
        for start in (0, 5)
    ]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert (epochs[0] != epochs[1]).any()


def test_parts_of_a_batch_make_up_the_batch():
    whole, parts = Order(22, 8, SEED), Order(22, 8, SEED, parts=2)
    assert (whole.steps_per_epoch, parts.steps_per_epoch) == (2, 4)
    for step in range(4):
        halves = np.concatenate([parts.indices(2 * step), parts.indices(2 * step + 1)])
        np.testing.assert_array_equal(whole.indices(step), halves)
    with pytest.raises(ValueError, match="larger than the data set"):
        Order(4, 8, SEED)


def test_a_folder_is_read(pictures):
    source = load_folder(pictures, "train", verbose=0)
    assert isinstance(source, MemoryImages)
    assert source.class_names == list(CLASSES)
    assert np.bincount(source.labels).tolist() == [TRAIN] * 3
    assert source.read(0)[0].shape == (20, 24, 3)
    assert len(load_folder(pictures, "eval", verbose=0)) == 3 * EVAL
    assert isinstance(load_folder(pictures, "train", cache_gb=0, verbose=0), ImageFiles)


def test_batches_depend_on_the_step_alone(pictures):
    source = load_folder(pictures, "train", verbose=0)
    batches = batches_of(source, ALL, range(4, 9))
    assert_same(batches[3:], batches_of(source, ALL, range(7, 9)))
    assert np.abs(batches[0][0] - batches[1][0]).max() > 0.1
    other = batches_of(source, ALL, range(4, 5), seed=SEED + 1)
    assert np.abs(batches[0][0] - other[0][0]).max() > 0.1
    for images, labels in batches:
        assert images.shape == (8, 16, 16, 3)
        assert images.dtype == labels.dtype == "float32"


def test_pictures_from_memory_and_from_files_are_the_same(pictures):
    memory = load_folder(pictures, "train", verbose=0)
    files = load_folder(pictures, "train", cache_gb=0, verbose=0)
    assert_same(batches_of(memory, ALL, range(3)), batches_of(files, ALL, range(3)))


def test_workers_share_the_batch(pictures):
    source = load_folder(pictures, "train", verbose=0)
    recipe = dataclasses.replace(PLAIN, random_erasing=0.5, rand_augment=(2, 0.5))
    whole = batches_of(source, recipe, range(2))
    halves = [batches_of(source, recipe, range(2), worker=w, workers=2) for w in (0, 1)]
    joined = [
        tuple(np.concatenate(pair) for pair in zip(*batch, strict=True))
        for batch in zip(*halves, strict=True)
    ]
    assert_same(joined, whole)


def test_evaluation_sees_every_picture_once(pictures):
    source = load_folder(pictures, "eval", verbose=0)
    images, labels, weights = evaluated(source, RECIPE, 4)
    assert len(images) == 16
    assert (weights > 0).sum() == len(source)
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_array_equal(labels.argmax(-1)[weights > 0], source.labels)


@pytest.mark.parametrize("share", [1.0, 0.875])
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_evaluation_sees_the_pixels_that_a_file_is_scored_with(tmp_path, share, ending):
    make_folder(tmp_path, evaluation=3, sizes=((33, 47), (71, 20), (16, 16)), ending=ending)
    recipe = dataclasses.replace(PLAIN, eval_crop=share)
    preprocessing = recipe.preprocessing(16, 16)
    files = [picture.source for picture in list_pictures(tmp_path / "val")]
    assert len(files) == 9
    expected = np.stack([preprocessing(path) for path in files])
    for cache_gb in (0, 4):
        source = load_folder(tmp_path, "eval", cache_gb=cache_gb, verbose=0)
        images, _, weights = evaluated(source, recipe, 4)
        np.testing.assert_array_equal(images[weights > 0], expected)


def test_the_size_of_the_input_decides_how_a_picture_is_resized():
    preprocessing = dataclasses.replace(RECIPE, eval_crop=0.875).preprocessing(224, 192)
    assert (preprocessing.height, preprocessing.width) == (224, 192)
    assert preprocessing.resize == 219
    assert preprocessing.mean == RECIPE.mean


def test_mixing_keeps_labels_and_pictures_together():
    images = [np.full((8, 8, 3), 255 * label, "uint8") for label in (0, 1) * 8]
    source = MemoryImages(images, [0, 1] * 8, ["black", "white"])
    for mixing in ({"mixup": 1.0}, {"cutmix": 1.0}, {"mixup": 1.0, "cutmix": 1.0}):
        recipe = dataclasses.replace(PLAIN, **TO_ONE, **mixing, batch_size=16)
        [(images, labels)] = batches_of(source, recipe, range(1))
        assert len(np.unique(images.mean((1, 2, 3)).round(4))) > 4
        np.testing.assert_allclose(labels.sum(-1), 1, atol=1e-5)
        np.testing.assert_allclose(images.mean((1, 2, 3)), labels[:, 1], atol=1e-5)


def test_rand_augment_changes_pictures_by_their_seed_and_keeps_their_range(pictures):
    source = load_folder(pictures, "train", verbose=0)
    plain = dataclasses.replace(PLAIN, **TO_ONE)
    strong = dataclasses.replace(plain, rand_augment=(1, 1.0))
    before, after = (batches_of(source, recipe, range(6)) for recipe in (plain, strong))
    assert_same(after[4:], batches_of(source, strong, range(4, 6)))
    before, after = (np.concatenate([x for x, _ in batches]) for batches in (before, after))
    changed = np.abs(before - after).max((1, 2, 3)) > 1e-3
    assert changed.mean() > 0.8
    assert after.min() >= 0
    assert after.max() <= 1


def test_tiny_pictures_are_shifted():
    image = np.full((16, 16, 3), 255, "uint8")
    source = MemoryImages([image] * 8, [0] * 8, ["white"])
    recipe = dataclasses.replace(PLAIN, **TO_ONE, crop="padded")
    [(images, _)] = batches_of(source, recipe, range(1))
    edges = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]])
    assert (edges == 0).any()
    assert (images[:, 2:-2, 2:-2] == 1).all()


AUGMENTATIONS = {
    "nothing": {},
    "rand_augment": {"rand_augment": (2, 0.5)},
    "erasing": {"random_erasing": 0.5},
    "mixup": {"mixup": 0.2},
    "cutmix": {"cutmix": 1.0},
    "everything": {
        "rand_augment": (2, 0.5), "random_erasing": 0.5, "mixup": 0.2, "cutmix": 1.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_half_precision_changes_no_batch(pictures, policy, augmentation):
    source = load_folder(pictures, "train", verbose=0)
    recipe = dataclasses.replace(PLAIN, **AUGMENTATIONS[augmentation])
    expected = batches_of(source, recipe, range(3))
    keras.config.set_dtype_policy(policy)
    try:
        assert_same(batches_of(source, recipe, range(3)), expected)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_broken_pictures_are_skipped_and_counted(tmp_path, ending, caplog):
    make_folder(tmp_path, ending=ending)
    break_files(tmp_path / "train", f"red/000.{ending}", f"blue/003.{ending}")
    break_files(tmp_path / "val", f"red/001.{ending}")
    memory = load_folder(tmp_path, "train", verbose=0)
    assert "red/000" in caplog.text
    assert [name[-7:-4] for name in memory.broken.values()] == ["003", "000"]

    files = load_folder(tmp_path, "train", cache_gb=0, verbose=0)
    assert not files.broken
    steps = range(len(files) // 8)
    batches = batches_of(files, PLAIN, steps)
    assert files.broken == memory.broken
    # the next picture stands in its place, which is of its class
    images, labels = (np.concatenate(x) for x in zip(*batches, strict=True))
    assert labels.sum(axis=0).tolist() == [TRAIN] * 3
    grey = np.float32([-mean / std for mean, std in zip(RECIPE.mean, RECIPE.std, strict=True)])
    assert np.abs(images - grey).mean((1, 2, 3)).min() > 0.1, "a black picture was trained with"
    assert_same(batches, batches_of(memory, PLAIN, steps))

    for cache_gb in (0, 4):
        held_out = load_folder(tmp_path, "eval", cache_gb=cache_gb, verbose=0)
        _, _, weights = evaluated(held_out, PLAIN, 5)
        assert (weights > 0).sum() == 3 * EVAL - 1
        assert len(held_out.broken) == 1
    # those that are read weigh as much in a part of the source
    part = held_out.subset(np.arange(len(held_out)))
    assert part.weight(5) == held_out.weight(5) == weights.max()
    assert weights.mean() == pytest.approx(1)


def test_a_folder_without_a_picture_that_can_be_read_is_refused(tmp_path):
    make_folder(tmp_path, train=1)
    names = [f"{name}/000.png" for name in CLASSES]
    break_files(tmp_path / "train", *names)
    with pytest.raises(ValueError, match=r"None of the 3 pictures can be read, such as .*blue"):
        load_folder(tmp_path, "train", verbose=0)
    with pytest.raises(ValueError, match=r"None of the 3 pictures can be read, such as .*png"):
        load_folder(tmp_path, "train", cache_gb=0, verbose=0).readable(1)


def test_some_training_pictures_choose_and_are_not_trained_with(pictures):
    train, evaluation = (load_folder(pictures, kind, verbose=0) for kind in ("train", "eval"))
    recipe = dataclasses.replace(PLAIN, minival=0.25)
    data = make_data(train, evaluation, recipe, SEED)
    parts = (data.train_source, data.choose_source)
    for part, each in zip(parts, (TRAIN * 3 // 4, TRAIN // 4), strict=True):
        assert np.bincount(part.labels).tolist() == [each] * 3
    shown = [{part.read(key)[0].tobytes() for key in range(len(part))} for part in parts]
    assert not shown[0] & shown[1]
    assert len(shown[0] | shown[1]) == len(train)
    chosen = arrays(b for _, b in zip(range(data.choose_steps), data.choose(), strict=False))
    assert sum((weights > 0).sum() for *_, weights in chosen) == TRAIN // 4 * 3

    other_seed = make_data(train, evaluation, recipe, SEED + 1)
    streamed = load_folder(pictures, "train", cache_gb=0, verbose=0)
    for other in (other_seed, make_data(streamed, evaluation, recipe, SEED)):
        source = other.choose_source
        assert {source.read(key)[0].tobytes() for key in range(len(source))} == shown[1]
    count = make_data(train, evaluation, dataclasses.replace(PLAIN, minival=6), SEED)
    assert np.bincount(count.choose_source.labels).tolist() == [2, 2, 2]
    least = make_data(train, evaluation, dataclasses.replace(PLAIN, minival=0.01), SEED)
    assert len(least.choose_source) == 3
    none = make_data(train, evaluation, dataclasses.replace(PLAIN, minival=0.0), SEED)
    assert none.choose_source is None
    assert len(none.train_source) == len(train)
    with pytest.raises(ValueError, match=r"Received: minival=48 of 48 pictures"):
        make_data(train, evaluation, dataclasses.replace(PLAIN, minival=48), SEED)


def test_the_fingerprint_is_that_of_the_pictures_alone(tmp_path):
    def fingerprint(folder, **kwargs):
        sources = [load_folder(folder, kind, verbose=0, **kwargs) for kind in ("train", "eval")]
        found = make_data(*sources, PLAIN, SEED).fingerprint()
        assert json.loads(json.dumps(found)) == found
        return found

    folder = make_folder(tmp_path / "here")
    shutil.copytree(folder, tmp_path / "there")
    first = fingerprint(folder)
    assert first["train"]["pictures"] == 3 * TRAIN
    assert first["train"]["classes"] == list(CLASSES)
    assert first == fingerprint(tmp_path / "there") == fingerprint(folder, cache_gb=0)
    changes = [
        lambda folder: (folder / "red" / "000.png").rename(folder / "red" / "x.png"),
        lambda folder: (folder / "red" / "001.png").unlink(),
        lambda folder: break_files(folder, "red/002.png"),
        lambda folder: shutil.copy(folder / "red/003.png", folder / "red/new.png"),
        lambda folder: [(s / "red").rename(s / "amber") for s in (folder, folder.parent / "val")],
    ]
    seen = [first]
    for change in changes:
        change(folder / "train")
        seen.append(fingerprint(folder))
        assert seen[-1] not in seen[:-1]


def test_the_two_splits_must_have_the_same_classes(pictures):
    train, evaluation = (load_folder(pictures, kind, verbose=0) for kind in ("train", "eval"))
    evaluation.class_names = ["other"]
    with pytest.raises(ValueError, match=r"same classes. Received: .*\['other'\]"):
        make_data(train, evaluation, PLAIN, SEED)


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        load_folder(tmp_path / "nowhere", "train")
    (tmp_path / "pictures").mkdir()
    with pytest.raises(ValueError, match=r"with the folders \['pictures'\]"):
        load_folder(tmp_path, "train")
    (tmp_path / "train" / "cat").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"no picture in .*train"):
        load_folder(tmp_path, "train")
