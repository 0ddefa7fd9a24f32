"""Runs a .tflite file and compares its outputs with those of the model."""

import keras
import numpy as np

from keraslight.compat import tflite_interpreter
from keraslight.tflite.formats import FORMATS

EXAMPLES = 4
# A quantized model computes the integers of its file. Kernels other than XNNPACK's, which this
# machine may run, round in other ways: two steps of 255 in deep networks.
TOLERANCE_OF_INTEGERS = 4 / 255
TINY = 1e-12


def check_outputs(content: bytes, model: keras.Model, inputs, quantization: str, data=None):
    """Raises an error if a file computes something else than its model.

    The outputs are compared channel by channel: the root of the mean squared difference, as a share
    of the largest output.

    Args:
        content: the file.
        model: the Keras model.
        inputs: the structure of the model's inputs, as of `Graph.inputs`.
        quantization: a key of `FORMATS`.
        data: optional list of arrays, one for each input, to compare with. By default they are
            drawn from the range of the file's inputs.

    Raises:
        ValueError: if a channel differs too much, or the runtime cannot run the file.
    """
    computes_integers = quantization == "int8" and not model.float_layers
    tolerance = TOLERANCE_OF_INTEGERS if computes_integers else FORMATS[quantization].tolerance
    interpreter = tflite_interpreter(content)
    details = interpreter.get_input_details()
    fixed = [x.shape[0] for x in keras.tree.flatten(inputs) if x.shape[0] is not None]
    examples = min([EXAMPLES, *fixed, *(len(x) for x in data or ())])
    if data is None:
        rng = np.random.default_rng(0)
        stored = [_draw(rng, examples, entry) for entry in details]
    else:
        stored = [_stored(x[:examples], entry) for x, entry in zip(data, details, strict=True)]
    given = [_real(x, entry) for x, entry in zip(stored, details, strict=True)]
    expected = keras.tree.flatten(model(keras.tree.pack_sequence_as(inputs, given), training=False))
    found = _run(interpreter, stored)
    for entry, one, other in zip(interpreter.get_output_details(), expected, found, strict=True):
        _compare(keras.ops.convert_to_numpy(one), other, entry, tolerance)


def _draw(rng, examples: int, details) -> np.ndarray:
    """Draws pictures of one colour each, with noise, over the whole range of an input."""
    shape = (examples, *details["shape"][1:])
    one_colour = (examples, *[1] * (len(shape) - 2), *shape[-1:])[: len(shape)]
    values = (rng.uniform(-1, 1, one_colour) + rng.uniform(-1, 1, shape)) / 2
    if details["dtype"] in (np.int8, np.uint8):
        limits = np.iinfo(details["dtype"])
        values = np.round((values + 1) / 2 * (limits.max - limits.min) + limits.min)
    elif np.issubdtype(details["dtype"], np.integer):
        values = np.zeros(shape)  # an index, of which 0 is always valid
    else:
        values = 2 * values
    return values.astype(details["dtype"])


def _stored(values, details) -> np.ndarray:
    scale, zero_point = details["quantization"]
    if scale:
        limits = np.iinfo(details["dtype"])
        values = np.clip(np.round(values / scale) + zero_point, limits.min, limits.max)
    return np.asarray(values).astype(details["dtype"])


def _real(values, details) -> np.ndarray:
    scale, zero_point = details["quantization"]
    return (values.astype("float32") - zero_point) * np.float32(scale) if scale else values


def _run(interpreter, inputs) -> list[np.ndarray]:
    """Returns the outputs of a file for all examples, as real values."""
    outputs = [[] for _ in interpreter.get_output_details()]
    for example in range(len(inputs[0])):
        for details, values in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(details["index"], values[example : example + 1])
        interpreter.invoke()
        for details, results in zip(interpreter.get_output_details(), outputs, strict=True):
            results.append(_real(interpreter.get_tensor(details["index"]), details))
    return [np.concatenate(results) for results in outputs]


def _compare(expected, found, details, tolerance: float) -> None:
    name, (scale, _) = details["name"], details["quantization"]
    if expected.shape != found.shape:
        raise ValueError(
            f"The output '{name}' of the file has another shape than that of the model. "
            f"Received: {found.shape[1:]}, expected {expected.shape[1:]}"
        )
    channels = expected.shape[-1]
    expected, found = (x.astype("float64").reshape(-1, channels) for x in (expected, found))
    known = np.isfinite(expected)
    steps = np.iinfo(details["dtype"]).max - np.iinfo(details["dtype"]).min if scale else 0
    full_scale = max(np.abs(expected[known]).max(initial=TINY), steps * scale)
    difference = np.where(known, found - np.where(known, expected, 0), 0) / full_scale
    error = np.sqrt((difference**2).mean(axis=0))
    if not (error <= tolerance).all():
        channel = int(np.nan_to_num(error, nan=np.inf).argmax())
        raise ValueError(
            f"The .tflite file does not compute what the model computes: channel {channel} of the "
            f"output '{name}' differs. The network may need a format that rounds less, such as "
            "float16; if it does not, please report it. check=False writes the file all the same. "
            f"Received: an error of {error[channel]:.3g} of the full scale, more than "
            f"{tolerance}"
        )
