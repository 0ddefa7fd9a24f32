"""RandAugment: operations of Pillow, drawn at random for every picture."""

import math

from PIL import Image, ImageEnhance, ImageOps

from training.data.draws import Draws

GREY = (128, 128, 128)


class RandAugment:
    """Does a number of operations, drawn at random, to pictures.

    How strong an operation is, and in which direction, is drawn evenly up to the magnitude.

    Args:
        operations: int, how many follow each other.
        magnitude: float in 0 to 1, where 1 is the strongest of the paper.
        draws: the `Draws` of the pictures.

    Reference:
        RandAugment: Practical Automated Data Augmentation with a Reduced Search Space, NeurIPS
        2020 (https://arxiv.org/abs/1909.13719).
    """

    def __init__(self, operations: int, magnitude: float, draws: Draws):
        self.chosen = (draws.uniform("operation", operations) * len(OPERATIONS)).astype(int)
        self.strengths = magnitude * (2 * draws.uniform("strength", operations) - 1)

    def __call__(self, image: Image.Image, row: int) -> Image.Image:
        """Augments the picture with this row of the draws."""
        for chosen, strength in zip(self.chosen[row], self.strengths[row], strict=True):
            image = OPERATIONS[chosen](image, strength)
        return image


def _affine(image, *coefficients):
    return image.transform(
        image.size,
        Image.Transform.AFFINE,
        coefficients,
        Image.Resampling.BILINEAR,
        fillcolor=GREY,
    )


def rotate(image, strength):
    """Turns a picture by up to 30 degrees."""
    return image.rotate(30 * strength, Image.Resampling.BILINEAR, fillcolor=GREY)


def shear_x(image, strength):
    """Shifts the rows of a picture against each other, about its centre."""
    slope = 0.3 * strength
    return _affine(image, 1, slope, -slope * image.height / 2, 0, 1, 0)


def shear_y(image, strength):
    """Shifts the columns of a picture against each other, about its centre."""
    slope = 0.3 * strength
    return _affine(image, 1, 0, 0, slope, 1, -slope * image.width / 2)


def translate_x(image, strength):
    """Shifts a picture sideways by up to a third."""
    return _affine(image, 1, 0, strength * image.width / 3, 0, 1, 0)


def translate_y(image, strength):
    """Shifts a picture up or down by up to a third."""
    return _affine(image, 1, 0, 0, 0, 1, strength * image.height / 3)


def brightness(image, strength):
    """Makes a picture darker or brighter."""
    return ImageEnhance.Brightness(image).enhance(1 + 0.9 * strength)


def contrast(image, strength):
    """Takes contrast away or adds some."""
    return ImageEnhance.Contrast(image).enhance(1 + 0.9 * strength)


def colour(image, strength):
    """Takes colour away or adds some."""
    return ImageEnhance.Color(image).enhance(1 + 0.9 * strength)


def sharpness(image, strength):
    """Blurs or sharpens a picture."""
    return ImageEnhance.Sharpness(image).enhance(1 + 0.9 * strength)


def posterize(image, strength):
    """Keeps the upper bits of every value, four at least."""
    return ImageOps.posterize(image, 8 - round(4 * abs(strength)))


def solarize(image, strength):
    """Inverts the values above a threshold, all of them at the strongest."""
    return ImageOps.solarize(image, math.ceil(256 * (1 - abs(strength))))


def auto_contrast(image, strength):
    """Spreads the values of every channel over the whole range."""
    return ImageOps.autocontrast(image)


def equalize(image, strength):
    """Makes the histogram of every channel even."""
    return ImageOps.equalize(image)


OPERATIONS = (
    rotate,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
    brightness,
    contrast,
    colour,
    sharpness,
    posterize,
    solarize,
    auto_contrast,
    equalize,
)
