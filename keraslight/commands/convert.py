"""`keraslight convert`."""

import os
import pathlib
import sys

import click

from keraslight.commands import options
from keraslight.commands.program import Command, Failure, load_keras, note, show
from keraslight.failures import REFUSED
from keraslight.files import require_place, write_json
from keraslight.record import record
from keraslight.tflite.formats import FORMATS

METHODS = ("mse", "minmax", "percentile")
ROUNDINGS = ("nearest", "adaround")


@click.command(
    "convert",
    cls=Command,
    short_help="Convert a Keras model to .tflite files and check that they compute the same.",
    examples=[
        "keraslight convert --model=vgnetg_1_0mp --weights=imagenet --output=vgnetg.tflite",
        "keraslight convert --model=runs/flowers --quantization=none,int8 "
        "--calibration_dir=pictures --output=flowers.tflite",
        "keraslight convert --model=model.keras --mean=127.5 --std=127.5 --labels=labels.txt "
        "--output=model.tflite",
    ],
)
@options.model
@options.weights
@options.classes
@options.input_size
@click.option(
    "--quantization",
    type=options.CommaList(click.Choice(list(FORMATS))),
    default="none",
    help="One or several. "
    + "; ".join(f"{name}: {format.summary}" for name, format in FORMATS.items())
    + ".",
)
@click.option("--output", required=True, type=options.NEW_FILE, help="The .tflite file to write.")
@click.option("--fuse/--no-fuse", default=True, help="Fuse the model first.")
@click.option(
    "--target",
    help="What to fuse it for: float or int8, good on every machine that was measured; one of "
    "them on one kind of machine, as int8:amx; or a .json file of keraslight tune. By default "
    "what suits the quantization.",
)
@click.option(
    "--softmax/--no-softmax",
    default=None,
    show_default="if the model ends in logits and the names of its classes are known",
    help="Add a softmax, so that scores are probabilities. Those of an int8 file are rounded to "
    "1/256.",
)
@click.option(
    "--raw_pixels/--no-raw_pixels",
    default=False,
    help="Fold the normalization into the file: it takes pixels from 0 to 255.",
)
@click.option(
    "--input_type",
    type=click.Choice(["int8", "uint8"]),
    default="int8",
    help="Type of an int8 file's input.",
)
@click.option(
    "--calibration_dir",
    type=options.FOLDER,
    help="Folder of pictures such as the model will see; needed for int8 and int16x8.",
)
@click.option(
    "--calibration_images", type=options.COUNT, default=200, help="How many of them to take."
)
@click.option(
    "--random_calibration/--no-random_calibration",
    default=False,
    help="Calibrate with noise: the file is good for timing only.",
)
@click.option(
    "--calibration_method",
    type=click.Choice(METHODS),
    default="mse",
    help="How the ranges of activations are found.",
)
@click.option(
    "--equalize/--no-equalize",
    default=False,
    help="Scale the channels before int8, so that small ones are not lost beside large ones.",
)
@click.option(
    "--rounding",
    type=click.Choice(ROUNDINGS),
    default="nearest",
    help="How int8 weights are rounded: to the nearest value, or so that outputs change least.",
)
@options.labels
@click.option(
    "--max_error",
    type=options.Number(positive=True),
    show_default="what suits the quantization",
    help="Greatest error allowed, as a share of the full scale of the outputs.",
)
@click.option(
    "--min_agreement",
    type=click.FloatRange(0, 1),
    default=0.8,
    help="Least share of pictures with the same best class; of real ones only.",
)
@click.option(
    "--check_images", type=options.COUNT, default=32, help="On how many pictures to check a file."
)
@options.preprocessing
@options.json_file
def command(model, weights, classes, input_size, labels, quantization, output, **given):
    """Convert a Keras model to .tflite files, run them, and keep those that compute the same.

    Several quantizations are written to name_none.tflite, name_int8.tflite and so on. The files
    carry their labels and the normalization of their input as TFLite metadata. Each file is run
    and compared with the Keras model. One that differs too much is not kept, and the exit code
    is 5.
    """
    if given["json_file"]:
        require_place(given["json_file"])  # before the work
    _require_tensorflow()
    import keraslight
    from keraslight.conversion.keras_model import image_shape, load_model
    from keraslight.conversion.known import known_labels
    from keraslight.graph.policy import policy_for

    output = _output(output)
    if given["target"]:
        policy_for(given["target"])
    quantization = list(dict.fromkeys(quantization))
    source = load_model(model, weights, classes, input_size)
    if not weights and model in keraslight.list_models():
        note("note: no --weights: the network has random weights")
    names = known_labels(source, labels, weights)
    if input_size is None and source.recipe:
        input_size = (source.recipe["image_size"],) * 2
    shape = image_shape(source.model, input_size)
    _require_calibration(source.model, quantization, given)
    settings = _settings(source, model, shape, given)
    softmax = _softmax(source.model, names, given["softmax"])
    files = _convert(source.model, quantization, output, shape, settings, names, softmax, given)
    _report(files, model, given["json_file"])


def _require_tensorflow():
    """Loads Keras with TensorFlow, whose converter does the work, whatever the user trains with."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    load_keras()


def _output(path):
    output = pathlib.Path(path)
    if output.suffix != ".tflite":
        raise ValueError(f"`output` must end in .tflite. Received: output='{output}'")
    output.parent.mkdir(parents=True, exist_ok=True)
    return output


def _require_calibration(model, quantization, given):
    from keraslight.conversion.pictures import require_calibration
    from keraslight.quantization.quantized_model import QuantizedModel

    quantized = isinstance(model, QuantizedModel)
    if quantized and quantization != ["int8"]:
        raise ValueError(
            "A quantized model can only be written as int8: pass --quantization=int8. "
            f"Received: quantization={','.join(quantization)}"
        )
    to_calibrate = [] if quantized else [q for q in quantization if FORMATS[q].needs_data]
    require_calibration(to_calibrate, given["calibration_dir"], given["random_calibration"])
    if to_calibrate and not given["calibration_dir"]:
        note("note: calibrated with noise, the file is good for timing only")


def _settings(source, name, shape, given):
    """Returns what is known of the preprocessing, with what the options say in its place."""
    import keraslight
    from keraslight.conversion.known import known_preprocessing

    asked = given["preprocessing"]
    settings = known_preprocessing(source, *shape[:2])
    guessed = settings and not source.recipe and name not in keraslight.list_models()
    if guessed and "mean" not in asked:
        note(
            f"note: pictures are taken to be normalized by the mean {settings['mean']} and the "
            f"deviation {settings['std']}, as for ImageNet; --mean and --std say otherwise"
        )
    settings.update(asked)
    if ("mean" in settings) != ("std" in settings):
        raise ValueError(f"Pass both --mean and --std. Received: {asked}")
    if "mean" not in settings and (given["calibration_dir"] or given["raw_pixels"]):
        raise ValueError(
            "How the model's input is normalized is not known: pass --mean and --std, of pixels "
            "from 0 to 255 (0 and 1 for none). Received: neither"
        )
    return settings


def _softmax(model, labels, asked):
    from keraslight.export.softmax import ends_in_logits

    logits = ends_in_logits(model)
    if asked and not logits:
        raise ValueError(
            "--softmax needs a model that ends in logits: a dense layer without an activation. "
            f"Received: {model.name} with the output {model.output_shape}"
        )
    if logits and asked is None and labels is None:
        note(
            "note: the scores are logits, of no fixed range; --softmax makes them probabilities, "
            "as --labels does"
        )
    return logits and (labels is not None if asked is None else asked)


def _convert(model, quantizations, output, shape, settings, labels, softmax, given):
    from keraslight.conversion.convert import convert_model
    from keraslight.conversion.pictures import NOISE, choose_pictures
    from keraslight.pictures.preprocessing import Preprocessing
    from keraslight.quantization.quantized_model import QuantizedModel
    from keraslight.tflite.metadata import image_metadata

    preprocessing = Preprocessing(*shape, **{**NOISE, **settings})
    normalized = "mean" in settings
    normalization = (preprocessing.mean, preprocessing.std) if normalized else None
    # labels that do not fit are found before the work of calibration
    image_metadata(model.name, model.output_shape[-1], shape[-1], labels, normalization)
    pictures = choose_pictures(
        preprocessing, given["calibration_dir"], given["calibration_images"], given["check_images"]
    )
    names = (
        "raw_pixels",
        "fuse",
        "target",
        "input_type",
        "calibration_method",
        "equalize",
        "rounding",
        "max_error",
        "min_agreement",
    )
    for quantization in quantizations:
        if FORMATS[quantization].needs_data and not isinstance(model, QuantizedModel):
            note(f"note: calibrating {quantization} with {len(pictures.calibration)} pictures")
        several = len(quantizations) > 1
        file = convert_model(
            model,
            output.with_stem(f"{output.stem}_{quantization}") if several else output,
            preprocessing,
            pictures,
            quantization,
            labels,
            normalized,
            softmax,
            **{name: given[name] for name in names},
        )
        show(file.summary())
        yield quantization, file


def _report(files, model, json_file):
    found, refused = [], []
    for quantization, file in files:
        found.append(file.to_dict())
        if json_file:  # after each, so that a later one that fails loses nothing
            about = {"kind": "conversion", "record": record(), "model": model}
            write_json(json_file, {**about, "files": found})
        if not file.kept:
            refused.append(quantization)
    if refused:
        raise Failure(
            f"Not kept, because they differ too much from the Keras model: {', '.join(refused)}. "
            "--max_error and --min_agreement allow more.",
            REFUSED,
        )
