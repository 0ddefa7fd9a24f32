"""Writes a Keras model as a .tflite file."""

import os
import pathlib
from collections.abc import Iterable, Sequence

import keras

from keraslight.export.check import check_file, check_weights
from keraslight.export.check_outputs import check_outputs
from keraslight.export.concrete_function import concrete_function
from keraslight.export.convert import convert, representative_batches, single_examples
from keraslight.export.integer_weights import with_integer_weights
from keraslight.export.lookups import with_lookups
from keraslight.files import write_whole
from keraslight.graph.graph import trace
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.reparam.fuse import fuse
from keraslight.tflite.flatbuffer import with_signature
from keraslight.tflite.formats import FORMATS
from keraslight.tflite.metadata import image_metadata, write_metadata
from keraslight.tflite_import.file_model import FileModel
from keraslight.tflite_import.write import written

QUANTIZATIONS = tuple(None if name == "none" else name for name in FORMATS)
INPUT_TYPES = (None, "int8", "uint8")


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    quantization: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    labels: Sequence[str] | None = None,
    normalization: tuple | None = None,
    representative_data: Iterable | None = None,
    input_type: str | None = None,
    name: str | None = None,
    description: str = "",
    preprocessing: dict | None = None,
    check: bool = True,
) -> pathlib.Path:
    """Writes a model as a .tflite file: batch 1, named inputs and outputs, builtin operations only.

    The file is checked before it is written. Every scale, zero point, weight and bias of an int8
    file must be representable, and the weights and biases must be those of the model. Then the file
    is run, and its outputs are compared with those of the model.

    Args:
        model: a functional Keras model, such as `keraslight.fuse` returns; or, for int8, a
            calibrated model of `keraslight.quantize_model`. A model that still holds layers of
            keraslight, at any depth, is fused first, in the form that suits the quantization. A
            quantized model of `keraslight.load_tflite` is written with the operators, the types and
            the metadata of the file that it came from.
        path: path of the file. It must end in .tflite. The file appears complete or not at all.
        quantization: `None` writes the model as it is: float32, or int8 for a quantized model.
            `"float16"`, `"int8_weights"` and `"int4_weights"` store the weights of a float model in
            16, 8 or 4 bits and compute in float32. `"dynamic"` stores them in 8 bits and rounds
            activations at run time. `"int8"` takes a quantized model: int8 weights, activations,
            inputs and outputs. `"int16x8"` takes a float model: int8 weights, int16 activations,
            float inputs and outputs.
        input_shape: `(height, width, channels)`. It is needed if the model takes any size.
        labels: optional list of the names of the classes, in the order of the outputs. They are
            written as standard TFLite metadata, which the Android libraries read.
        normalization: optional `(mean, std)`, each a number or one number for each channel: the
            model takes `(pixel - mean) / std` of pixels from 0 to 255. Written as metadata; it does
            not change the model.
        representative_data: optional iterable of batches of inputs, or of tuples that begin with
            them. The check compares the file and the model on the first batch, and on drawn inputs
            without it. For `"int16x8"` it is needed: it gives the ranges of the activations.
        input_type: for a quantized model: `"int8"`, which is the default, or `"uint8"`.
        name: optional name of the model in the metadata. Defaults to `model.name`.
        description: optional description in the metadata, for people.
        preprocessing: optional dict that says how pictures are resized and cropped, written as the
            file `preprocessing.json` in the metadata.
        check: whether to run the file and to compare its outputs with those of the model. This
            takes some ten percent of the time of the export. The numbers in the file are checked in
            any case.

    Returns:
        The path of the file.

    Raises:
        ValueError: if an argument does not fit; if the model is not finite; if int8 is asked for
            and the model was not quantized and calibrated; if TFLite has no builtin for an
            operation; or if the file fails a check. Nothing is written then.
        RuntimeError: if the Keras backend is not TensorFlow, whose converter does the work.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> batches = [np.random.rand(4, 8, 8, 3)]
    >>> quantized = keraslight.calibrate(quantized, batches, verbose=0)
    >>> keraslight.export_tflite(quantized, "int8.tflite").name
    'int8.tflite'
    """
    path = pathlib.Path(path)
    _refuse_unfit(model, path, quantization, representative_data, input_type)
    graph = trace(model)
    sources = keras.tree.flatten(graph.inputs)
    shapes = [_static_shape(source, input_shape) for source in sources]
    about = None
    if any(x is not None for x in (labels, normalization, name, preprocessing)) or description:
        about = image_metadata(
            name=model.name if name is None else name,
            outputs=keras.tree.flatten(graph.outputs)[0].shape[-1],
            channels=shapes[0][-1],
            labels=labels,
            normalization=normalization,
            description=description,
            preprocessing=preprocessing or {},
        )
    check_weights(model.variables)
    data = (
        None if representative_data is None else representative_batches(representative_data, shapes)
    )
    kind = "int8" if isinstance(model, QuantizedModel) else quantization or "none"
    if isinstance(model, FileModel):
        content = written(model)
    else:
        content = _converted(model, graph, shapes, kind, input_type, data)
    if check:
        check_outputs(content, model, graph.inputs, kind, data and data[0])
    if about is not None:
        content = write_metadata(content, about, channels=shapes[0][-1])
    write_whole(path, content)
    return path


def _converted(model, graph, shapes, kind, input_type, data) -> bytes:
    """Returns the file that TensorFlow's converter makes of a model, checked."""
    is_quantized = isinstance(model, QuantizedModel)
    format = FORMATS[kind]
    if graph.written_out:
        target = "float" if format.computes_in_float else "int8"
        graph = trace(fuse(model, target=target))
    check_weights(_variables(graph), kind)
    content = convert(
        concrete_function(
            graph, shapes, model.float_layers if is_quantized else (), marks_lookups=is_quantized
        ),
        kind,
        input_type or "int8",
        single_examples(data) if kind == "int16x8" else None,
    )
    if is_quantized:
        content = with_lookups(content, graph)
    if format.weight_bits:
        content = with_integer_weights(content, format.weight_bits)
    names = [x.name for x in keras.tree.flatten(graph.inputs)]
    content = with_signature(content, names, _output_names(model))
    check_file(content, model)
    return content


def _variables(graph):
    return [v for call in graph.calls for v in getattr(call.operation, "variables", ())]


def _refuse_unfit(model, path, quantization, representative_data, input_type):
    if keras.config.backend() != "tensorflow" and not isinstance(model, FileModel):
        raise RuntimeError(
            "Export needs TensorFlow: save the model as .keras and export it in a process with "
            f"KERAS_BACKEND=tensorflow. Received: backend={keras.config.backend()!r}"
        )
    if not isinstance(model, keras.Model):
        raise ValueError(
            "`model` must be a Keras 3 model. A tf_keras model that keraslight made for "
            "tensorflow-model-optimization has the method to_keras(): pass model.to_keras(). "
            f"Received: model={model!r}"
        )
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            f"`quantization` must be one of {QUANTIZATIONS}. "
            f"Received: quantization={quantization!r}"
        )
    if path.suffix != ".tflite" or not path.parent.is_dir():
        raise ValueError(
            f"`path` must end in .tflite and lie in a folder that exists. Received: path='{path}'"
        )
    if representative_data is None and quantization == "int16x8":
        raise ValueError(
            "quantization='int16x8' takes the ranges of activations from `representative_data`. "
            f"Received: quantization={quantization!r}, representative_data={representative_data!r}"
        )
    if input_type not in INPUT_TYPES or (input_type and not isinstance(model, QuantizedModel)):
        raise ValueError(
            f"`input_type` must be one of {INPUT_TYPES}, and the model quantized. "
            f"Received: input_type={input_type!r}, model={model!r}"
        )
    if isinstance(model, FileModel) and input_type not in (None, model.input_type):
        raise ValueError(
            "A model that was read from a file keeps the type of its input. "
            f"Received: input_type={input_type!r}, and a file with {model.input_type}"
        )
    if isinstance(model, QuantizedModel):
        model.require_calibration()
        if quantization not in (None, "int8"):
            raise ValueError(
                "A quantized model is written as int8; export the fused model itself for "
                f"{quantization}. Received: quantization={quantization!r}"
            )
    elif quantization == "int8":
        raise ValueError(
            "For int8 quantize and calibrate first: quantized = keraslight.quantize_model(fused); "
            f"keraslight.calibrate(quantized, batches). Received: model={model!r}"
        )


def _static_shape(source, input_shape):
    """Returns the shape of an input with batch 1 and no unknown sides."""
    shape = tuple(source.shape[1:] if input_shape is None else input_shape)
    if None in shape:
        raise ValueError(
            "The model takes any size and the file needs one: pass input_shape=(height, width, "
            f"channels). Received: input '{source.name}' of shape {source.shape}"
        )
    fits = len(shape) == len(source.shape) - 1 and all(
        side in (None, given) for side, given in zip(source.shape[1:], shape, strict=False)
    )
    if not fits:
        raise ValueError(
            f"`input_shape` does not fit the model's input of shape {source.shape}. "
            f"Received: input_shape={shape}"
        )
    return (1, *shape)


def _output_names(model) -> list[str]:
    """Returns a name for each output: its key in a dict, or that of the layer that computes it."""
    outputs = getattr(model, "output", None)
    if isinstance(outputs, dict) and all(
        isinstance(x, keras.KerasTensor) for x in outputs.values()
    ):
        return sorted(outputs)  # as Keras flattens a dict
    names = getattr(model, "output_names", None) or [model.layers[-1].name]  # of a Sequential
    if isinstance(model, QuantizedModel):
        rounding = {layer.name for layer in model.layers if isinstance(layer, FakeQuantize)}
        names = [name.removesuffix("_range") if name in rounding else name for name in names]
    return names if len(set(names)) == len(names) else [f"{n}_{i}" for i, n in enumerate(names)]
