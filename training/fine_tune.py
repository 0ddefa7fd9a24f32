"""What continues a finished run: quantization-aware training, and its control in float."""

import dataclasses
import pathlib

import keras
from absl import logging

import keraslight
from keraslight.quantization.quantized_model import QuantizedModel
from training.data.batches import eval_batches
from training.data.data import Data
from training.files import save_model
from training.recipe import Recipe

MODEL = "model.keras"
START = "start.keras"
INT8 = "model_int8.tflite"
CALIBRATED = "calibrated_int8.tflite"
CALIBRATION_BATCH = 50


def fine_tuning_recipe(recipe: Recipe) -> Recipe:
    """Returns how a fused model is trained on: shortly, with small steps, at its final size."""
    return dataclasses.replace(
        recipe,
        epochs=recipe.qat_epochs,
        train_sizes=((recipe.qat_epochs, recipe.image_size),),
        optimizer="adamw",
        schedule="cosine",
        learning_rate=recipe.qat_learning_rate,
        final_learning_rate=0.0,
        warmup_epochs=0,
        ema=None,
    )


def prepare(run: pathlib.Path, folder: pathlib.Path, data: Data, quantized: bool) -> None:
    """Makes the model that fine-tuning starts from, unless it is there already.

    Args:
        run: folder of the finished run.
        folder: folder of the fine-tuning, for the model.
        data: the pictures, some of which calibrate.
        quantized: bool, whether to quantize it; else it is only fused.

    Raises:
        ValueError: if the run is not finished.
    """
    if not (run / MODEL).is_file():
        raise ValueError(
            "Only a finished run can be continued: train without --qat first. "
            f"Received: output_dir='{run}' without {MODEL}"
        )
    if not (folder / START).exists():
        model = keraslight.fuse(keras.models.load_model(run / MODEL))
        save_model(quantize(model, data) if quantized else model, folder / START)
    if quantized and not (folder / CALIBRATED).exists():
        export_int8(keras.models.load_model(folder / START), folder / CALIBRATED)


def quantize(model: keras.Model, data: Data) -> keras.Model:
    """Returns a fused model quantized, and calibrated with some training pictures."""
    quantized = keraslight.quantize_model(model)
    return keraslight.calibrate(quantized, calibration_batches(data))


def calibration_batches(data: Data) -> list:
    """Returns some training pictures, seen as evaluation sees them."""
    sample = data.train_source.sample(data.recipe.qat_images, data.order.seed)
    size = min(CALIBRATION_BATCH, len(sample))
    batches = eval_batches(sample, data.recipe, size)
    return [images for (images, _, _), _ in zip(batches, range(len(sample) // size), strict=False)]


def write_int8(model: keras.Model, folder: pathlib.Path, data: Data) -> keras.Model:
    """Writes the int8 file of a fine-tuned model, calibrating what is still in floating point.

    Returns:
        The quantized model.
    """
    if not isinstance(model, QuantizedModel):
        model = quantize(model, data)
    export_int8(model, folder / INT8)
    return model


def export_int8(model: keras.Model, path: pathlib.Path) -> None:
    """Writes a quantized model as a .tflite file, where the backend can."""
    if keras.backend.backend() == "tensorflow":
        keraslight.export_tflite(model, path, "int8")
        return
    logging.warning(
        "%s is not written on the backend %s: give the same command with KERAS_BACKEND=tensorflow, "
        "which goes on from here",
        path,
        keras.backend.backend(),
    )
