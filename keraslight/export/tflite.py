"""Writes a Keras model as a .tflite file."""

import os
import pathlib
import tempfile
from collections.abc import Sequence

import keras
import numpy as np

from keraslight.export.flatbuffer import with_signature
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.rules import constant_calls, is_selecting
from keraslight.reparam.graph import trace

QUANTIZATIONS = (None, "float16", "int8")


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    quantization: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    labels: Sequence[str] | None = None,
    normalization: tuple | None = None,
    **metadata,
) -> pathlib.Path:
    """Writes a model as a .tflite file: batch 1, named input and output, builtin operations only.

    Args:
        model: a functional Keras model, best one that `keraslight.fuse` returned; or, for int8, a
            calibrated one of `keraslight.quantize_model`.
        path: path of the file, which ends in .tflite. It appears complete or not at all.
        quantization: `None` writes what the model is: float32, or int8 for a quantized model;
            `"float16"` stores the weights of a float model in 16 bits; `"int8"` takes a quantized
            model: int8 weights, activations, inputs and outputs.
        input_shape: `(height, width, channels)`, needed where the model takes any size.
        labels: optional names of the classes, in the order of the outputs; written as the standard
            metadata of TFLite, for the Android libraries to read.
        normalization: optional `(mean, std)`, each a number or one for each channel:
            `(pixel - mean) / std` is what the model takes, of pixels from 0 to 255. Written as
            metadata too; it does not change the model.
        **metadata: further attributes of `keraslight.export.metadata.ImageMetadata`, such as
            `description`.

    Returns:
        The path of the file.

    Raises:
        ValueError: if an argument does not fit, the model is to be int8 and was not quantized and
            calibrated, or it holds an operation TFLite has no builtin for. Nothing is written then.
        RuntimeError: if the Keras backend is not TensorFlow, whose converter does the work.

    Example:
    ```python
    fused = model.fuse()
    keraslight.export_tflite(fused, "float.tflite")
    quantized = keraslight.quantize_model(fused)
    keraslight.calibrate(quantized, batches)
    keraslight.export_tflite(quantized, "int8.tflite")
    ```
    """
    path = pathlib.Path(path)
    _refuse_unfit(model, path, quantization)
    graph = trace(model)
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
    content = _convert(graph, shapes, quantization, model)
    names = [source.name for source in sources]
    content = with_signature(content, names, _output_names(model))
    if about is not None:
        content = write_metadata(content, about, channels=shapes[0][-1])
    _write_whole(path, content)
    return path


def _refuse_unfit(model, path, quantization):
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
    if isinstance(model, QuantizedModel):
        model.require_calibration()
        if quantization == "float16":
            raise ValueError(
                "A quantized model is written as int8; export the fused model itself for float16. "
                f"Received: quantization={quantization!r}"
            )
    elif quantization == "int8":
        raise ValueError(
            "For int8 quantize and calibrate first: quantized = keraslight.quantize_model(fused); "
            f"keraslight.calibrate(quantized, batches). Received: model={model!r}"
        )


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


def _convert(graph, shapes, quantization, model):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    sources = keras.tree.flatten(graph.inputs)
    constants = constant_calls(graph)
    float_tensors = _float_tensors(graph, getattr(model, "float_layers", ()))

    def visit(call, *args, **kwargs):
        if isinstance(call.operation, FakeQuantize) and id(call.inputs[0]) in float_tensors:
            # the reverse of a batch of one is itself; it has no int8 form, without which the
            # converter would quantize the layer before
            args = (tf.reverse(args[0], [0]),)
        if id(call) not in constants:
            return call.operation(*args, **kwargs)
        # with the size fixed these are constants, which the converter would compute at run time
        with tf.init_scope():
            args = keras.tree.map_structure(_value_or_ones, args)
            outputs = call.operation(*args, **kwargs)
            return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)

    @tf.function(
        input_signature=[
            tf.TensorSpec(shape, source.dtype, name=source.name)
            for shape, source in zip(shapes, sources, strict=True)
        ],
        autograph=False,
    )
    def infer(*inputs):
        return keras.tree.flatten(graph.run(list(inputs), visit))

    frozen = convert_variables_to_constants_v2(infer.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
    if isinstance(model, QuantizedModel):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    if quantization == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        return converter.convert()
    except Exception as error:
        raise ValueError(f"TFLite cannot express the model: {error}") from error


def _float_tensors(graph, float_layers):
    """Returns the ids of tensors that layers kept in float32 computed."""
    tensors = set()
    for call in graph.calls:
        of_float = is_selecting(call) and id(call.inputs[0]) in tensors
        if call.name in float_layers or of_float:
            tensors.update(id(x) for x in keras.tree.flatten(call.outputs))
    return tensors


def _value_or_ones(leaf):
    """Stands in for a tensor that is not known yet, of which only the shape counts."""
    if hasattr(leaf, "shape") and not isinstance(leaf, np.ndarray):
        return np.ones(leaf.shape, "float32")
    return leaf


def _output_names(model):
    names = [name.removesuffix("_range") for name in model.output_names]
    return names if len(set(names)) == len(names) else [f"{n}_{i}" for i, n in enumerate(names)]


def _write_whole(path, content):
    """Writes a file under another name first, so that no half of it is ever found."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
