"""The flags that say what is done to pictures, for every program that reads some."""

import math

from absl import flags

from keraslight.pictures.preprocessing import INTERPOLATIONS

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "resize", None, "256: scale the shorter side to it; 224x224: squash to height x width."
)
flags.DEFINE_string("crop", None, "224: cut so many pixels; 0.875: that share, before resizing.")
flags.DEFINE_list("mean", None, "Subtracted from pixels of 0 to 255: one number or three.")
flags.DEFINE_list("std", None, "By which they are then divided: one number or three.")
flags.DEFINE_enum("interpolation", None, INTERPOLATIONS, "How pictures are resized.")


def given() -> dict:
    """Returns those of the settings of `Preprocessing` that the flags give.

    Raises:
        ValueError: if a flag is not the number it must be.
    """
    settings = {}
    if FLAGS.resize:
        sides = tuple(_number(side, int) for side in FLAGS.resize.split("x"))
        settings["resize"] = sides if len(sides) == 2 else sides[0]
    if FLAGS.crop:
        settings["crop"] = _number(FLAGS.crop, float if "." in FLAGS.crop else int)
    for name in ("mean", "std"):
        if FLAGS[name].value:
            settings[name] = tuple(_number(value, float) for value in FLAGS[name].value)
    if FLAGS.interpolation:
        settings["interpolation"] = FLAGS.interpolation
    return settings


def _number(text, kind):
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"A number is needed. Received: {text!r}")
    return value
