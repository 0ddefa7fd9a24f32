"""Writes a Keras model as a .tflite file."""

import os
import pathlib
import warnings
from collections.abc import Iterable, Sequence

import keras

from keraslight.export.concrete_function import concrete_function
from keraslight.export.flatbuffer import with_signature
from keraslight.files import write_whole
from keraslight.graph.graph import trace
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.reparam.fuse import fuse

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int16x8")
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
    **metadata,
) -> pathlib.Path:
    """Writes a model as a .tflite file: batch 1, named input and output, builtin operations only.

    Args:
        model: a functional Keras model, as `keraslight.fuse` returns (one that still holds layers
            of keraslight is fused first, for the target that suits the quantization); or, for int8,
            a calibrated one of `keraslight.quantize_model`.
        path: path of the file, which ends in .tflite. It appears complete or not at all.
        quantization: `None` writes what the model is: float32, or int8 for a quantized model;
            `"float16"` stores the weights of a float model in 16 bits; `"dynamic"` stores them in 8
            and computes with activations rounded on the way; `"int8"` takes a quantized model: int8
            weights, activations, inputs and outputs; `"int16x8"` takes a float model: int8 weights,
            int16 activations, float inputs and outputs.
        input_shape: `(height, width, channels)`, needed where the model takes any size.
        labels: optional names of the classes, in the order of the outputs; written as the standard
            metadata of TFLite, for the Android libraries to read.
        normalization: optional `(mean, std)`, each a number or one for each channel:
            `(pixel - mean) / std` is what the model takes, of pixels from 0 to 255. Written as
            metadata too; it does not change the model.
        representative_data: for `"int16x8"`: iterable of batches of inputs, from which the ranges
            of the activations are taken.
        input_type: for a quantized model: `"int8"`, which is the default, or `"uint8"`.
        **metadata: further attributes of `keraslight.export.metadata.ImageMetadata`, such as
            `description`.

    Returns:
        The path of the file.

    Raises:
        ValueError: if an argument does not fit, the model is to be int8 and was not quantized and
            calibrated, or it holds an operation TFLite has no builtin for. Nothing is written then.
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
    graph = trace(_fused(model, quantization))
    sources = keras.tree.flatten(graph.inputs)
    shapes = [_static_shape(source, input_shape) for source in sources]
    about = None
    if labels is not None or normalization is not None or metadata:
        from keraslight.export.metadata import image_metadata, write_metadata

        about = image_metadata(
            **{"name": model.name, "labels": labels, "normalization": normalization, **metadata},
            outputs=model.outputs[0].shape[-1],
            channels=shapes[0][-1],
        )
    infer = concrete_function(graph, shapes, getattr(model, "float_layers", ()))
    settings = _settings(quantization, isinstance(model, QuantizedModel), input_type)
    if representative_data is not None:
        settings["representative_dataset"] = _single_examples(representative_data)
    content = _convert(infer, settings)
    names = [source.name for source in sources]
    content = with_signature(content, names, _output_names(model))
    if about is not None:
        content = write_metadata(content, about, channels=shapes[0][-1])
    write_whole(path, content)
    return path


def _refuse_unfit(model, path, quantization, representative_data, input_type):
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(
            "Export needs TensorFlow: save the model as .keras and export it in a process with "
            f"KERAS_BACKEND=tensorflow. Received: backend={keras.config.backend()!r}"
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
    if (representative_data is not None) != (quantization == "int16x8"):
        raise ValueError(
            "`representative_data` is needed for quantization='int16x8' and used for nothing else. "
            f"Received: quantization={quantization!r}, representative_data={representative_data!r}"
        )
    if input_type not in INPUT_TYPES or (input_type and not isinstance(model, QuantizedModel)):
        raise ValueError(
            f"`input_type` must be one of {INPUT_TYPES}, and the model quantized. "
            f"Received: input_type={input_type!r}, model={model!r}"
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


def _fused(model, quantization):
    """Returns the model in the form of inference that is fastest in the file, if it is not yet."""
    if not any(isinstance(layer, ReparamLayer) for layer in model.layers):
        return model
    return fuse(model, target="float" if quantization in (None, "float16") else "int8")


def _static_shape(source, input_shape):
    """Returns the shape of an input with batch 1 and no unknown side."""
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


def _settings(quantization, int8, input_type):
    """Returns what to set on the converter."""
    import tensorflow as tf

    settings = {"optimizations": [tf.lite.Optimize.DEFAULT]} if int8 or quantization else {}
    if int8:
        settings["inference_input_type"] = tf.as_dtype(input_type or "int8")
        settings["inference_output_type"] = tf.int8
    if quantization == "float16":
        settings["target_spec.supported_types"] = [tf.float16]
    if quantization == "int16x8":
        int16x8 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
        settings["target_spec.supported_ops"] = [tf.lite.OpsSet[int16x8]]
    return settings


def _single_examples(batches):
    """Returns what the converter calls for lists of inputs with batch 1."""
    batches = [
        [keras.ops.convert_to_numpy(x).astype("float32") for x in keras.tree.flatten(batch)]
        for batch in batches
    ]
    if not batches:
        raise ValueError(
            f"`representative_data` holds no batch. Received: representative_data={batches}"
        )

    def examples():
        for inputs in batches:
            for index in range(len(inputs[0])):
                yield [x[index : index + 1] for x in inputs]

    return examples


def _convert(infer, settings):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([infer], tf.Module())
    # through a SavedModel the inputs and outputs would lose their order
    converter.experimental_lower_to_saved_model = False
    for name, value in settings.items():
        *path, attribute = name.split(".")
        setattr(converter.target_spec if path else converter, attribute, value)
    try:
        with warnings.catch_warnings():
            # a quantized model brings them along
            warnings.filterwarnings("ignore", "Statistics for quantized inputs")
            return converter.convert()
    except Exception as error:
        raise ValueError(f"TFLite cannot express the model: {error}") from error


def _output_names(model):
    names = getattr(model, "output_names", None) or [model.layers[-1].name]  # of a Sequential
    names = [name.removesuffix("_range") for name in names]
    return names if len(set(names)) == len(names) else [f"{n}_{i}" for i, n in enumerate(names)]
