r"""Converts a Keras model to .tflite files, runs them, and keeps those that compute the same.

    python -m tflite.convert --model=vgnetg_1_0mp --weights=imagenet --quantization=none,int8 \
        --calibration_dir=pictures --labels=labels.txt --output=vgnetg.tflite

Several quantizations are written to vgnetg_none.tflite, vgnetg_int8.tflite and so on. The files
carry their labels and the normalization of their input as TFLite metadata. Each is run and compared
with the Keras model; one that differs by more than --max_error is not kept, and the program ends
with the exit code 5.
"""

import os
import pathlib
import tempfile
from dataclasses import asdict

import numpy as np
from absl import flags

import keraslight
from keraslight.benchmark.results import write_json
from keraslight.commands import program
from keraslight.conversion.check import MAX_ERROR, compare
from keraslight.conversion.keras_model import image_shape, load_model
from keraslight.conversion.pictures import choose_pictures, require_calibration
from keraslight.export.pixels import with_pixel_input
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.ranges import METHODS
from keraslight.tflite.accuracy import read_labels
from keraslight.tflite.metadata import image_metadata
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import LiteRTSession
from keraslight.weights.inference import imagenet_classes, preprocessing_of
from tflite import preprocessing_flags

REFUSED = 5  # exit code
BATCH = 25
CALIBRATED = {"int8", "int16x8"}
FLOAT = {"none", "float16"}
NOISE = {"mean": (127.5,), "std": (64.0,)}
PIXELS = (0.0, 1.0)
IMAGENET = "imagenet"

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model", None, "A name of keraslight.list_models(), a .keras file, or a run's folder."
)
flags.DEFINE_string("weights", None, "What the model takes as `weights`: imagenet, or a file.")
flags.DEFINE_integer("classes", None, "Number of classes of a model given by its name.")
flags.DEFINE_string("input_size", None, "224 or 224x160: height x width, if the model leaves it.")
flags.DEFINE_list("quantization", ["none"], f"One or several of {', '.join(MAX_ERROR)}.")
flags.DEFINE_string("output", None, "The .tflite file to write.")
flags.DEFINE_boolean("fuse", True, "Fuse the model first.")
flags.DEFINE_string(
    "target", None, "What to fuse it for: float, int8, or a .json file of tflite.tune."
)
flags.DEFINE_boolean(
    "raw_pixels", False, "Fold the normalization into the file: it takes pixels from 0 to 255."
)
flags.DEFINE_enum("input_type", "int8", ["int8", "uint8"], "Type of an int8 file's input.")
flags.DEFINE_string("calibration_dir", None, "Folder of pictures; needed for int8 and int16x8.")
flags.DEFINE_integer("calibration_images", 200, "How many of them.", lower_bound=1)
flags.DEFINE_boolean(
    "random_calibration", False, "Calibrate with noise: for timing only, the file says nothing."
)
flags.DEFINE_enum("calibration_method", "mse", list(METHODS), "How ranges are found.")
flags.DEFINE_string(
    "labels", None, "Text file of the classes in order, one a line; or imagenet, for its names."
)
flags.DEFINE_float("max_error", None, f"Greatest error allowed; by default {MAX_ERROR}.")
flags.DEFINE_float(
    "min_agreement", 0.8, "Least share of pictures with the same best class; of real ones only."
)
flags.DEFINE_integer("check_images", 32, "On how many pictures a file is checked.", lower_bound=1)
flags.DEFINE_string("json", None, "File to write what was found to.")


def main():
    """Writes and checks one file for each quantization."""
    output, quantizations = _output(), _quantizations()
    size = _size()
    model, labels, recipe = load_model(FLAGS.model, FLAGS.weights, FLAGS.classes, size)
    labels = _labels(model) or labels
    if size is None and recipe:
        size = (recipe["image_size"], recipe["image_size"])
    shape = image_shape(model, size)
    if isinstance(model, QuantizedModel) and quantizations != ["int8"]:
        raise ValueError(
            "A quantized model can only be written as int8: pass --quantization=int8. "
            f"Received: quantization={quantizations}"
        )
    to_calibrate = set() if isinstance(model, QuantizedModel) else set(quantizations) & CALIBRATED
    require_calibration(to_calibrate, FLAGS.calibration_dir, FLAGS.random_calibration)
    if to_calibrate and not FLAGS.calibration_dir:
        program.note("note: calibrated with noise, the file is good for timing only")
    settings = _settings(model, shape, recipe)
    normalization = (settings["mean"], settings["std"]) if "mean" in settings else None
    # labels that do not fit are found before the work of calibration
    image_metadata(model.name, model.output_shape[-1], shape[-1], labels, normalization)
    preprocessing = Preprocessing(*shape, **{**NOISE, **settings})
    pictures = choose_pictures(
        preprocessing, FLAGS.calibration_dir, FLAGS.calibration_images, FLAGS.check_images
    )
    results = []
    for quantization in quantizations:
        name = output.name if len(quantizations) == 1 else f"{output.stem}_{quantization}.tflite"
        path = output.with_name(name)
        results.append(
            _convert(model, quantization, path, pictures, preprocessing, normalization, labels)
        )
    if FLAGS.json:
        write_json(FLAGS.json, {"kind": "conversion", "model": FLAGS.model, "files": results})
    refused = [result["quantization"] for result in results if not result["kept"]]
    if refused:
        raise program.Failure(
            f"Not kept, for they differ too much from the Keras model: {', '.join(refused)}. "
            "--max_error and --min_agreement allow more.",
            REFUSED,
        )


def _output():
    if not FLAGS.model or not FLAGS.output:
        raise ValueError(
            f"Pass --model and --output. Received: model={FLAGS.model!r}, output={FLAGS.output!r}"
        )
    output = pathlib.Path(FLAGS.output)
    if output.suffix != ".tflite":
        raise ValueError(f"`output` must end in .tflite. Received: output='{output}'")
    output.parent.mkdir(parents=True, exist_ok=True)
    return output


def _quantizations():
    if not set(FLAGS.quantization) <= set(MAX_ERROR):
        raise ValueError(
            f"`quantization` must be of {list(MAX_ERROR)}. "
            f"Received: quantization={FLAGS.quantization}"
        )
    return list(dict.fromkeys(FLAGS.quantization))


def _size():
    if not FLAGS.input_size:
        return None
    sides = FLAGS.input_size.split("x")
    if not all(side.isdigit() for side in sides) or len(sides) > 2:
        raise ValueError(
            f"`input_size` must be as 224 or 224x160. Received: input_size={FLAGS.input_size!r}"
        )
    return int(sides[0]), int(sides[-1])


def _labels(model):
    """Returns the labels the flags ask for, or those of the published weights."""
    if FLAGS.labels and FLAGS.labels != IMAGENET:
        return read_labels(FLAGS.labels)
    names = [name for _, name in imagenet_classes()]
    published = FLAGS.weights == IMAGENET and model.output_shape[-1] == len(names)
    return names if FLAGS.labels or published else None


def _settings(model, shape, recipe):
    """Returns what is known of the preprocessing, as arguments of `Preprocessing`."""
    height, width, channels = shape
    settings = {}
    if recipe:
        settings = {
            "resize": round(min(height, width) / recipe["eval_crop"]),
            "mean": tuple(recipe["mean"]),
            "std": tuple(recipe["std"]),
        }
    elif isinstance(model, keraslight.LightModel) and channels == 3:
        published = preprocessing_of(model)
        settings = {
            "resize": published.for_size(height, width).resize,
            "interpolation": published.interpolation,
            "mean": published.mean,
            "std": published.std,
        }
        if not FLAGS.mean and FLAGS.model not in keraslight.list_models():
            program.note(
                f"note: pictures are taken to be normalized by the mean {settings['mean']} and the "
                f"deviation {settings['std']}, as for ImageNet; --mean and --std say otherwise"
            )
    settings.update(preprocessing_flags.given())
    if ("mean" in settings) != ("std" in settings):
        raise ValueError(f"Pass both --mean and --std. Received: {settings}")
    if "mean" not in settings and (FLAGS.calibration_dir or FLAGS.raw_pixels):
        raise ValueError(
            "How the model's input is normalized is not known: pass --mean and --std, of pixels "
            f"from 0 to 255 (0 and 1 for none). Received: model={FLAGS.model!r}"
        )
    return settings


def _fused(model, quantization):
    if not FLAGS.fuse or isinstance(model, QuantizedModel):
        return model
    target = FLAGS.target or ("float" if quantization in FLOAT else "int8")
    try:
        return keraslight.fuse(model, target=target)
    except ValueError as error:
        if "nothing to fuse" not in str(error):
            raise
        return model


def _convert(model, quantization, path, pictures, preprocessing, normalization, labels):
    fused = _fused(model, quantization)
    as_the_model, as_the_file = preprocessing.normalized, preprocessing.normalized
    if FLAGS.raw_pixels:
        fused = with_pixel_input(fused, *normalization)
        normalization, as_the_file = PIXELS, np.float32
    arguments = {"quantization": None if quantization == "none" else quantization}
    calibration = _batches(as_the_file(pictures.calibration))
    if quantization == "int8":
        if not isinstance(fused, QuantizedModel):
            fused = keraslight.quantize_model(fused)
            keraslight.calibrate(fused, calibration, FLAGS.calibration_method)
        arguments["input_type"] = FLAGS.input_type
    if quantization == "int16x8":
        arguments["representative_data"] = calibration
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unchecked = pathlib.Path(folder) / path.name
        keraslight.export_tflite(
            fused,
            unchecked,
            input_shape=(preprocessing.height, preprocessing.width, preprocessing.channels),
            labels=labels,
            normalization=normalization,
            name=model.name,
            description=f"{quantization}, written by keraslight",
            preprocessing=preprocessing.policy(),
            **arguments,
        )
        pixels = pictures.check
        check = compare(model, unchecked, as_the_model(pixels), as_the_file(pixels))
        limit = MAX_ERROR[quantization] if FLAGS.max_error is None else FLAGS.max_error
        agrees = not pictures.real or check.top1 >= FLAGS.min_agreement
        kept = check.is_within(limit) and agrees
        outside = LiteRTSession(unchecked).operators_outside_delegate()
        facts = {**ModelFile(unchecked).facts(), "name": path.stem, "file": path.name}
        if kept:
            os.replace(unchecked, path)
    result = {
        **facts,
        "kept": kept,
        "check": {**asdict(check), "real_pictures": pictures.real, "max_error": limit},
        "operators_outside_xnnpack": outside,
    }
    print(_summary(path, result))
    return result


def _batches(images):
    return [images[start : start + BATCH] for start in range(0, len(images), BATCH)]


def _summary(path, result):
    check, operators = result["check"], result["operators"]
    outside = result["operators_outside_xnnpack"]
    what = "pictures" if check["real_pictures"] else "pictures of noise"
    lines = [
        f"{path}{'' if result['kept'] else ': NOT KEPT'}",
        f"  {result['size_bytes'] / 1e6:.2f} MB, {result['macs'] / 1e6:.1f} million MACs, "
        f"{sum(operators.values())} operators: "
        + ", ".join(f"{count} {kind}" for kind, count in operators.items()),
        f"  outside XNNPACK: {', '.join(sorted(set(outside))) or 'none'}"
        + (f" ({len(outside)} of them)" if outside else ""),
        f"  against the Keras model on {check['images']} {what}: error {check['error']:.2g} of "
        f"full scale (at most {check['max_error']:.2g}), the same best class on "
        f"{check['top1']:.1%}",
    ]
    if check["signal_to_noise_db"] is not None:
        lines[-1] += f", {check['signal_to_noise_db']:.1f} dB"
    else:
        lines.append(
            "  the outputs do not depend on the picture here, as of a model that was not trained: "
            "the check proves little"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    program.run(main)
