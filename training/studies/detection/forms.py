"""A trained detector in all its forms, each scored on the same pictures."""

import pathlib
import tempfile

import keras
import numpy as np

import keraslight
from keraslight.boxes import average_precision
from keraslight.compat import count_names_anew
from keraslight.tflite import TFLiteDetector
from training.callbacks import CHECKPOINTS
from training.checkpoint import read_state
from training.data.data import Data
from training.qat import calibration_batches
from training.run_file import MODEL
from training.studies.detection.picture import picture_of

LARGEST_DIFFERENCE_PICTURES = 8


def model_of(folder: pathlib.Path, data: Data) -> tuple[keras.Model, float]:
    """Returns the detector of a run and the epochs it was trained for.

    Of a run that is not finished it is the detector of the newest checkpoint.

    Args:
        folder: path of the run's folder.
        data: its pictures.
    """
    recipe = data.recipe
    if (folder / MODEL).is_file():
        return keras.models.load_model(folder / MODEL), recipe.epochs
    state = read_state(folder / CHECKPOINTS)
    if state is None:
        raise ValueError(f"The run has no checkpoint yet. Received: '{folder}'")
    count_names_anew()  # as the training did, which names the variables in the checkpoint
    model = recipe.build(data.classes, (recipe.image_size, recipe.image_size, 3))
    tree = {}
    for name, value in state.tensors.items():
        kind, _, path = name.partition("/")
        if kind in ("trainable_variables", "non_trainable_variables"):
            tree.setdefault(kind, {})[path] = value
    model.set_state_tree(tree)
    return model, state.progress["step"] / data.order.steps_per_epoch


def rows_of(
    name: str, model: keras.Model, data: Data, trained_on: pathlib.Path
) -> tuple[list[dict], bytes]:
    """Returns a row for each form of a detector, and a picture of what the int8 file finds.

    Args:
        name: str, what to call it.
        model: the detector.
        data: its pictures.
        trained_on: path of the file of training.qat, which may not exist.
    """
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
                picture = picture_of(path, recipe.image_size)
    if trained_on.is_file():
        rows.append({"form": "int8 file, trained on", **file_row(trained_on, data)})
    cost = {
        "parameters": sum(int(np.prod(v.shape)) for v in fused.weights),
        "macs": keraslight.count_macs(fused),
        "image_size": recipe.image_size,
    }
    trained = rows[0]["mAP"]
    for row in rows:
        row |= {"detector": name, "kept": row["mAP"] / trained if trained else None, **cost}
    return rows, picture


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
