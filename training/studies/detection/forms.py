"""A trained detector in all its forms, each scored on the same pictures."""

import pathlib
import tempfile

import keras
import numpy as np

import keraslight
from keraslight.boxes import average_precision
from keraslight.tflite import TFLiteDetector
from training.data.data import Data
from training.qat import INT8, calibration_batches
from training.run_file import MODEL

LARGEST_DIFFERENCE_PICTURES = 8


def rows_of(folder: pathlib.Path, data: Data) -> list[dict]:
    """Returns a row for each form of the detector of a finished run.

    Args:
        folder: path of the run's folder.
        data: its pictures.
    """
    name, model = folder.name, keras.models.load_model(folder / MODEL)
    recipe = data.recipe
    preprocessing = recipe.preprocessing(recipe.image_size, recipe.image_size)
    about = {
        "anchors": recipe.anchor_boxes,
        "labels": data.class_names,
        "normalization": (preprocessing.mean, preprocessing.std),
        "preprocessing": preprocessing.policy(),
    }
    fused = keraslight.fuse(model)
    batches = calibration_batches(data)
    quantized = keraslight.calibrate(keraslight.quantize_model(fused), batches)
    rows = [
        {"form": "trained", **recipe.task.evaluate(model, data)},
        {"form": "fused", **recipe.task.evaluate(fused, data)},
    ]
    with tempfile.TemporaryDirectory() as files:
        for form, one, inside in (
            ("float file", fused, False),
            ("int8 file", quantized, False),
            ("int8 file, suppression inside", quantized, True),
        ):
            path = pathlib.Path(files) / f"{form.replace(' ', '_').replace(',', '')}.tflite"
            kind = "int8" if one is quantized else None
            keraslight.export_detector(one, path, kind, postprocessing=inside, **about)
            rows.append({"form": form, **file_row(path, data)})
            if form == "int8 file":
                rows[-1]["steps_from_exact_model"] = steps_apart(path, quantized, data)
    if (trained_on := folder / "qat" / INT8).is_file():
        rows.append({"form": "int8 file, trained on", **file_row(trained_on, data)})
    cost = {
        "parameters": sum(int(np.prod(v.shape)) for v in fused.weights),
        "macs": keraslight.count_macs(fused),
        "image_size": recipe.image_size,
    }
    base = rows[0]
    return [
        {"detector": name, **row, "kept": row["mAP"] / base["mAP"] if base["mAP"] else None, **cost}
        for row in rows
    ]


def file_row(path: pathlib.Path, data: Data) -> dict:
    """Returns the scores of a file on the validation pictures, and its size."""
    detector, source = TFLiteDetector(path), data.eval_source
    found = [detector.detect(source.read(index)[0]) for index in range(len(source))]
    truth = [source.annotated(index) for index in range(len(source))]
    return {
        **average_precision(truth, found, source.class_names),
        "file_bytes": path.stat().st_size,
    }


def steps_apart(path: pathlib.Path, quantized: keras.Model, data: Data) -> int:
    """Returns the largest difference of a file's integers and the exact model's, in steps."""
    detector, exact = TFLiteDetector(path), keraslight.exact_model(quantized)
    worst = 0
    for index in range(min(LARGEST_DIFFERENCE_PICTURES, len(data.eval_source))):
        image = detector.preprocessing(data.eval_source.read(index)[0])
        expected = exact(image[None])
        for details, values in zip(
            detector.session.outputs, detector.session.run_all(image), strict=True
        ):
            scale, zero_point = details["quantization"]
            real = keras.ops.convert_to_numpy(expected[details["name"]])
            steps = np.abs(values - (np.rint(real / scale) + zero_point))
            worst = max(worst, int(steps.max()))
    return worst
