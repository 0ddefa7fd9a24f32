"""Every random decision is independent of the others, by statistics over many examples."""

import dataclasses
import itertools

import numpy as np
import pytest

from tests.training.tiny_recipe import RECIPE
from training.data.batches import train_batches
from training.data.draws import Draws
from training.data.mixing import augment_batch
from training.data.order import Order
from training.data.rand_augment import OPERATIONS, RandAugment
from training.data.source import MemoryImages

EXAMPLES = 400
# 4 standard deviations of the correlation of this many independent decisions
LIMIT = 4 / EXAMPLES**0.5
SIDE = 128


def assert_independent(decisions, limit=LIMIT):
    """Checks every pair of decisions, of which each has a value per example."""
    high = {
        name: values if values.dtype == bool else values > np.median(values)
        for name, values in decisions.items()
    }
    for name, values in high.items():
        assert 0.1 < values.mean() < 0.9, name
    for (name, a), (other, b) in itertools.combinations(high.items(), 2):
        correlation = np.corrcoef(a, b)[0, 1]
        assert abs(correlation) < limit, f"{name} and {other}: {correlation:.2f}"


def views(**changes):
    """Returns views of a picture whose red is its column and whose green is its row."""
    picture = np.zeros((SIDE, SIDE, 3), "uint8")
    picture[..., 0] = np.arange(SIDE)
    picture[..., 1] = np.arange(SIDE)[:, None]
    source = MemoryImages([picture] * EXAMPLES, [0] * EXAMPLES, ["only"])
    recipe = dataclasses.replace(
        RECIPE, mean=(0.0,) * 3, std=(1.0,) * 3, mixup=0.0, batch_size=EXAMPLES, **changes
    )
    order = Order(EXAMPLES, EXAMPLES, seed=1)
    [(images, _)] = train_batches(source, recipe, order, range(1), size=32)
    return images


def test_flip_shape_and_place_of_a_crop_are_independent():
    # so small that every attempt fits, or the shape would depend on the area
    images = views(crop_area=(0.3, 0.6))
    first, last = images[:, 0, 0], images[:, -1, -1]
    width, height = (np.abs(last - first)[:, axis] for axis in (0, 1))
    left = np.minimum(first, last)[:, 0]
    assert_independent(
        {
            "flip": (last - first)[:, 0] < 0,
            "area": width * height,
            "aspect": width / height,
            # the place within what the shape leaves
            "left": left / (SIDE - width),
            "top": first[:, 1] / (SIDE - height),
        }
    )


def test_flip_and_shift_of_a_tiny_picture_are_independent():
    images = views(crop="padded")
    columns, rows = images[..., 0].max(axis=1), images[..., 1].max(axis=2)
    flip = np.argmax(columns, axis=1) < 16
    columns[flip] = columns[flip, ::-1]
    assert_independent(
        {"flip": flip, "left": columns[:, 16], "top": rows[:, 16]},
    )


def test_the_operation_says_nothing_of_its_strength():
    augment = RandAugment(2, 1.0, Draws(0, 0, 40 * len(OPERATIONS)))
    chosen, strengths = augment.chosen, augment.strengths
    assert np.abs(strengths).max() <= 1
    for operation, strength in ((0, 0), (0, 1), (1, 1)):
        table = np.zeros((len(OPERATIONS), 2))
        np.add.at(table, (chosen[:, operation], (strengths[:, strength] > 0).astype(int)), 1)
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
        # chance exceeds this once in 10,000 times
        assert ((table - expected) ** 2 / expected).sum() < 39.1
    assert_independent(
        {
            "first operation": chosen[:, 0],
            "second operation": chosen[:, 1],
            "first strength": strengths[:, 0],
            "second strength": strengths[:, 1],
        }
    )


def mixed(seed=0, first=0, count=EXAMPLES, **changes):
    """Returns mixed images, and a matrix of the share of each source in each image."""
    recipe = dataclasses.replace(RECIPE, **{"mixup": 0.0, **changes})
    images = np.ones((count, 16, 16, 1), "float32")
    return augment_batch(images, np.eye(count, dtype="float32"), recipe, Draws(seed, first, count))


@pytest.mark.parametrize("method", ["mixup", "cutmix"])
def test_erasing_says_nothing_of_mixing(method):
    erased, _ = mixed(random_erasing=0.5)
    _, labels = mixed(**{method: 1.0})
    box = erased[..., 0] == 0
    assert 0.4 < box.any(axis=(1, 2)).mean() < 0.6
    own = np.diag(labels).copy()
    np.fill_diagonal(labels, 0)
    assert_independent(
        {
            "erased": box.any(axis=(1, 2)),
            "own share": own,
            "partner": labels.argmax(axis=1),
        }
    )
    both, both_labels = mixed(random_erasing=0.5, **{method: 1.0})
    assert (both_labels == mixed(**{method: 1.0})[1]).all()
    assert (both != erased).any()


def test_where_is_erased_says_nothing_of_how_much():
    erased, _ = mixed(random_erasing=1.0, count=2 * EXAMPLES)
    box = erased[..., 0] == 0
    height, width = box.any(axis=2).sum(axis=1), box.any(axis=1).sum(axis=1)
    top, left = box.any(axis=2).argmax(axis=1), box.any(axis=1).argmax(axis=1)
    assert_independent(
        {
            "area": height * width,
            "aspect": width / height,
            "top": (top + 0.5) / (17 - height),
            "left": (left + 0.5) / (17 - width),
        },
        limit=0.15,  # they are small whole numbers
    )


def test_the_method_of_mixing_says_nothing_of_partner_and_share():
    cut, own, partner = [], [], []
    for seed in range(EXAMPLES):
        _, labels = mixed(seed, count=8, mixup=1.0, cutmix=1.0)
        _, alone = mixed(seed, count=8, mixup=1.0)
        # mixup gives its shares as they are drawn, cutmix rounds them to pixels
        cut.append((labels != alone).any())
        own.append(labels[0, 0])
        partner.append(labels[0, 1:].argmax())
    decisions = {"cutmix": cut, "share": own, "partner": partner}
    assert_independent({name: np.array(values) for name, values in decisions.items()})


def test_streams_seeds_and_positions_are_independent():
    count = 4000
    decisions = {name: Draws(0, 0, count).uniform(name) for name in ("flip", "crop area", "erase")}
    decisions["next seed"] = Draws(1, 0, count).uniform("flip")
    decisions["next examples"] = Draws(0, count, count).uniform("flip")
    decisions["next example"] = Draws(0, 1, count).uniform("flip")
    decisions["second number"] = Draws(0, 0, count).uniform("flip", 2)[:, 1]
    assert_independent(decisions, limit=4 / count**0.5)


def test_an_example_draws_the_same_in_any_batch():
    for numbers in (None, 2, 10):
        whole = Draws(5, 96, 32).uniform("crop area", numbers)
        np.testing.assert_array_equal(whole[8:16], Draws(5, 104, 8).uniform("crop area", numbers))
    first = Draws(5, 96, 32).generator("partner").random()
    assert first == Draws(5, 96, 8).generator("partner").random()
    assert first != Draws(5, 104, 8).generator("partner").random()
