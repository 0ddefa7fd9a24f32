"""What is done to a whole batch: random erasing, mixup and cutmix."""

import numpy as np

from training.data.draws import Draws
from training.data.views import scaled
from training.recipe import Recipe

ERASED_AREA = (0.02, 1 / 3)
LOG_ERASED_RATIO = np.log((0.3, 1 / 0.3))


def augment_batch(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, draws: Draws
) -> tuple[np.ndarray, np.ndarray]:
    """Erases, and mixes pictures with others of their batch, as a recipe says.

    Args:
        images: float32 array of shape `(batch, height, width, 3)`, normalized; may be changed.
        labels: float32 array of shape `(batch, classes)`.
        recipe: a `Recipe`.
        draws: the `Draws` of the pictures.
    """
    if recipe.random_erasing:
        erase(images, recipe.random_erasing, draws)
    methods = [
        (method, parameter)
        for method, parameter in ((mixup, recipe.mixup), (cutmix, recipe.cutmix))
        if parameter
    ]
    if not methods:
        return images, labels
    method, parameter = methods[draws.generator("mix method").integers(len(methods))]
    return method(images, labels, parameter, draws)


def erase(images: np.ndarray, share: float, draws: Draws) -> None:
    """Fills a box with the mean colour, which is 0, in a share of the pictures.

    Reference:
        Random Erasing Data Augmentation, AAAI 2020 (https://arxiv.org/abs/1708.04896).
    """
    _, height, width, _ = images.shape
    erased = draws.uniform("erase") < share
    area = height * width * scaled(draws.uniform("erase area"), ERASED_AREA)
    ratio = np.exp(scaled(draws.uniform("erase aspect"), LOG_ERASED_RATIO))
    tall = np.minimum(np.rint(np.sqrt(area / ratio)), height).astype(int)
    wide = np.minimum(np.rint(np.sqrt(area * ratio)), width).astype(int)
    place = draws.uniform("erase place", 2)
    top = (place[:, 0] * (height - tall + 1)).astype(int)
    left = (place[:, 1] * (width - wide + 1)).astype(int)
    for row in np.flatnonzero(erased):
        rows = slice(top[row], top[row] + tall[row])
        columns = slice(left[row], left[row] + wide[row])
        images[row, rows, columns] = 0


def mixup(images, labels, alpha: float, draws: Draws):
    """Blends every picture and label with those of another.

    Reference:
        mixup: Beyond Empirical Risk Minimization, ICLR 2018 (https://arxiv.org/abs/1710.09412).
    """
    partner, share = _partners(len(images), alpha, draws)
    return _blend(images, images[partner], share), _blend(labels, labels[partner], share)


def cutmix(images, labels, alpha: float, draws: Draws):
    """Pastes a box of another picture into every picture; labels count by area.

    Reference:
        CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV
        2019 (https://arxiv.org/abs/1905.04899).
    """
    partner, share = _partners(len(images), alpha, draws)
    sides = np.array(images.shape[1:3])
    half = np.sqrt(1 - share)[:, None] / 2
    centre = draws.uniform("box place", 2)
    begin, end = (
        np.rint(sides * at).clip(0, sides).astype(int) for at in (centre - half, centre + half)
    )
    mixed = images.copy()
    for row, other in enumerate(partner):
        (top, left), (bottom, right) = begin[row], end[row]
        mixed[row, top:bottom, left:right] = images[other, top:bottom, left:right]
    # what lies beyond the rim was not pasted
    share = 1 - (end - begin).prod(axis=1) / sides.prod()
    return mixed, _blend(labels, labels[partner], share.astype("float32"))


def _partners(count, alpha, draws):
    """Returns the index of the picture each is mixed with, and the share that each keeps."""
    partner = draws.generator("partner").permutation(count)
    share = draws.generator("mix share").beta(alpha, alpha, count)
    return partner, share.astype("float32")


def _blend(values, others, share):
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return values * share + others * (1 - share)
