"""The pictures that a conversion calibrates with, and those it is checked with."""

from dataclasses import dataclass

import numpy as np

from keraslight.pictures.folder import list_files, spread
from keraslight.pictures.preprocessing import Preprocessing

NOISE_IMAGES = 8  # to calibrate with, if there are no pictures
NOISE = {"mean": (127.5,), "std": (64.0,)}  # makes uniform pixels about standard normal


@dataclass(frozen=True)
class ConversionPictures:
    """Pixels to calibrate and to check with.

    Attributes:
        calibration: uint8 array of pictures.
        check: uint8 array of other pictures.
        real: bool, whether these are pictures, not noise.
    """

    calibration: np.ndarray
    check: np.ndarray
    real: bool


def choose_pictures(
    preprocessing: Preprocessing, folder: str | None, calibration_images: int, check_images: int
) -> ConversionPictures:
    """Reads pictures that are spread over a folder, or makes noise where there is none.

    Args:
        preprocessing: how pictures are resized and cropped.
        folder: path of a folder of pictures, or `None`.
        calibration_images: int, how many pictures to calibrate with.
        check_images: int, how many to check with; of few pictures, not more than half.

    Raises:
        ValueError: if there is no picture in the folder or one cannot be read.
    """
    if folder is None:
        shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (NOISE_IMAGES + check_images, *shape)).astype("uint8")
        return ConversionPictures(noise[:NOISE_IMAGES], noise[NOISE_IMAGES:], False)
    files = list_files(folder)
    checked = min(check_images, len(files) // 2 or 1)
    chosen = spread(files, calibration_images + checked)
    # every n-th is kept for the check, so that both see every class
    kept_back = set(spread(chosen, checked))
    others = [path for path in chosen if path not in kept_back] or chosen
    calibration, check = (
        np.stack([preprocessing.pixels(path) for path in paths])
        for paths in (others, [path for path in chosen if path in kept_back])
    )
    return ConversionPictures(calibration, check, True)


def require_calibration(quantizations, folder: str | None, random: bool) -> None:
    """Refuses to quantize activations with neither pictures nor leave to take noise.

    Raises:
        ValueError: if there is neither.
    """
    if quantizations and not folder and not random:
        raise ValueError(
            "Calibration needs --calibration_dir=FOLDER of pictures such as the model will see; "
            "--random_calibration does without, for timing only. "
            f"Received: neither, for {sorted(quantizations)}"
        )
