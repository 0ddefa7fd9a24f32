"""Converts a Keras model to a .tflite file, runs it, and keeps it if it computes the same."""

import os
import pathlib
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import keras
import numpy as np

import keraslight
from keraslight.conversion.check import Check, compare
from keraslight.conversion.logits import without_softmax
from keraslight.conversion.pictures import ConversionPictures
from keraslight.export.softmax import with_softmax
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.reparam.fuse import NothingToFuse
from keraslight.tflite.formats import FORMATS
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import LiteRTSession

BATCH = 25
PIXELS = (0.0, 1.0)  # mean and deviation of a file that takes pixels as they are
MIN_AGREEMENT = 0.8


@dataclass(frozen=True)
class ConvertedFile:
    """A .tflite file and how it compares with the Keras model.

    Attributes:
        path: path of the file.
        kept: bool, whether it differs little enough to be there.
        check: how its outputs compare.
        real_pictures: bool, whether these were compared on pictures, not on noise.
        max_error: float, the greatest error that was allowed.
        facts: dict: size, operators, multiply-adds and so on.
        operators_outside_xnnpack: names of the operators that XNNPACK does not run.
    """

    path: pathlib.Path
    kept: bool
    check: Check
    real_pictures: bool
    max_error: float
    facts: dict
    operators_outside_xnnpack: list[str]

    def to_dict(self) -> dict:
        """Returns everything, fit for JSON."""
        check = {
            **asdict(self.check),
            "real_pictures": self.real_pictures,
            "max_error": self.max_error,
        }
        return {
            **self.facts,
            "kept": self.kept,
            "check": check,
            "operators_outside_xnnpack": self.operators_outside_xnnpack,
        }

    def summary(self) -> str:
        """Returns some lines for people."""
        facts, check, outside = self.facts, self.check, self.operators_outside_xnnpack
        operators = facts["operators"]
        what = "pictures" if self.real_pictures else "pictures of noise"
        lines = [
            f"{self.path}{'' if self.kept else ': NOT KEPT'}",
            f"  {facts['size_bytes'] / 1e6:.2f} MB, {facts['macs'] / 1e6:.1f} million "
            f"multiply-adds, {sum(operators.values())} operators: "
            + ", ".join(f"{count} {kind}" for kind, count in operators.items()),
            f"  outside XNNPACK: {', '.join(sorted(set(outside))) or 'none'}"
            + (f" ({len(outside)} of them)" if outside else ""),
            f"  against the Keras model on {check.images} {what}: error {check.error:.2g} of "
            f"full scale (at most {self.max_error:.2g}), the same best class on {check.top1:.1%}",
        ]
        if check.signal_to_noise_db is not None:
            lines[-1] += f", {check.signal_to_noise_db:.1f} dB"
        else:
            lines.append(
                "  the outputs do not depend on the picture here, as of a model that was not "
                "trained: the check proves little"
            )
        return "\n".join(lines)


def convert_model(
    model: keras.Model,
    path: str | os.PathLike,
    preprocessing: Preprocessing,
    pictures: ConversionPictures,
    quantization: str = "none",
    labels: Sequence[str] | None = None,
    normalized: bool = True,
    softmax: bool = False,
    raw_pixels: bool = False,
    fuse: bool = True,
    target: str | os.PathLike | None = None,
    input_type: str = "int8",
    calibration_method: str = "mse",
    equalize: bool = False,
    rounding: str = "nearest",
    max_error: float | None = None,
    min_agreement: float = MIN_AGREEMENT,
) -> ConvertedFile:
    """Writes a model as a .tflite file, and keeps the file if it computes the same.

    The model is fused and, for int8, quantized and calibrated. The file is then run on pictures
    that it was not calibrated with, and compared with the Keras model: its logits, where a softmax
    is added.

    Args:
        model: a functional Keras model, or a quantized one for int8.
        path: path of the file. A file that is there stays if the new one is not kept.
        preprocessing: what is done to pictures.
        pictures: what to calibrate and to check with, see
            `keraslight.conversion.pictures.choose_pictures`.
        quantization: a key of `keraslight.tflite.formats.FORMATS`, such as `"int8"`.
        labels: optional names of the classes, written as metadata.
        normalized: bool, whether the normalization is known, to be written as metadata.
        softmax: bool, whether to add a softmax at the end.
        raw_pixels: bool, whether to fold the normalization into the file, which then takes pixels.
        fuse: bool, whether to fuse the model.
        target: what to fuse for: one of `keraslight.list_targets()`, or a .json file of
            `keraslight tune`.
            Defaults to what suits the quantization.
        input_type: `"int8"` or `"uint8"`, of an int8 file.
        calibration_method: how ranges are found, see `keraslight.calibrate`.
        equalize: bool, whether to scale the channels for int8, see `keraslight.equalize`.
        rounding: how int8 weights are rounded, see `keraslight.calibrate`.
        max_error: float, the greatest error allowed. Defaults to what suits the quantization.
        min_agreement: float, the least share of real pictures with the same best class.

    Returns:
        A `ConvertedFile`.

    Raises:
        ValueError: if the model cannot be converted so. No file is written then.
    """
    path = pathlib.Path(path)
    ready = _fused(model, quantization, target) if fuse else model
    as_the_model = as_the_file = preprocessing.normalized
    normalization = (preprocessing.mean, preprocessing.std) if normalized else None
    if raw_pixels:
        ready = keraslight.with_pixel_input(ready, preprocessing.mean, preprocessing.std)
        normalization, as_the_file = PIXELS, np.float32
    if softmax:
        ready = with_softmax(ready)
    calibration = _batches(as_the_file(pictures.calibration))
    arguments = {"quantization": None if quantization == "none" else quantization}
    if quantization == "int8":
        if not isinstance(ready, QuantizedModel):
            if equalize:
                ready = keraslight.equalize(ready, calibration)
            ready = keraslight.quantize_model(ready)
            keraslight.calibrate(
                ready, calibration, calibration_method, rounding=rounding, verbose=0
            )
        arguments["input_type"] = input_type
    if quantization == "int16x8":
        arguments["representative_data"] = calibration
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unchecked = pathlib.Path(folder) / path.name
        keraslight.export_tflite(
            ready,
            unchecked,
            input_shape=(preprocessing.height, preprocessing.width, preprocessing.channels),
            labels=labels,
            normalization=normalization,
            name=model.name,
            description=_description(quantization, softmax),
            preprocessing=preprocessing.policy(),
            **arguments,
        )
        pixels = pictures.check
        checked = unchecked
        if softmax:
            checked = unchecked.with_stem("logits")
            checked.write_bytes(without_softmax(unchecked.read_bytes()))
        check = compare(model, checked, as_the_model(pixels), as_the_file(pixels))
        limit = FORMATS[quantization].max_error if max_error is None else max_error
        agrees = not pictures.real or check.top1 >= min_agreement
        kept = check.is_within(limit) and agrees
        outside = LiteRTSession(unchecked).operators_outside_delegate()
        facts = {**ModelFile(unchecked).facts(), "name": path.stem, "file": path.name}
        if kept:
            os.replace(unchecked, path)
    return ConvertedFile(path, kept, check, pictures.real, limit, facts, outside)


def _fused(model, quantization, target):
    if isinstance(model, QuantizedModel):
        return model
    try:
        suits = "float" if FORMATS[quantization].computes_in_float else "int8"
        return keraslight.fuse(model, target=target or suits)
    except NothingToFuse:
        return model


def _description(quantization, softmax):
    scores = "; the scores are probabilities" if softmax else ""
    kind = "float32" if quantization == "none" else quantization
    return f"{kind}, written by keraslight {keraslight.__version__}{scores}"


def _batches(images):
    return [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
