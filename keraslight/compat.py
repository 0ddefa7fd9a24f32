"""The private interfaces of Keras and TensorFlow that keraslight uses, all in one place.

`tests/test_compat.py` says which versions they were tested with. If a new version moves one of
them, only this module changes.
"""

import contextlib
import functools
import warnings
from collections.abc import Callable

import keras
from keras.src.ops import core as core_ops
from keras.src.ops import image as image_ops
from keras.src.ops import math as math_ops
from keras.src.ops import nn as nn_ops
from keras.src.ops import numpy as numpy_ops
from keras.src.utils import naming

# the classes behind keras.ops.* calls on symbolic tensors, which Keras does not export
OPERATION_MODULES = (numpy_ops, nn_ops, core_ops, math_ops, image_ops)


def operation_class(name: str) -> type[keras.Operation]:
    """Returns the class of the operations that a function of `keras.ops` records.

    Args:
        name: name of the class, such as `"GetItem"` for slicing or `"Pad"` for `keras.ops.pad`.

    Raises:
        ImportError: if this version of Keras has no such class.
    """
    for module in OPERATION_MODULES:
        if hasattr(module, name):
            return getattr(module, name)
    raise ImportError(
        f"Keras {keras.__version__} has no operation of that name: this version of keraslight "
        f"does not support it. Received: name={name!r}"
    )


def operation_classes(*names: str) -> tuple[type[keras.Operation], ...]:
    """Returns those of the named classes that this version of Keras has."""
    known = [any(hasattr(module, name) for module in OPERATION_MODULES) for name in names]
    return tuple(operation_class(name) for name, has in zip(names, known, strict=True) if has)


def output_spec(operation: keras.Operation, *args, **kwargs):
    """Returns the symbolic outputs of an operation.

    Attention has as many output channels as the values. Keras says: as the queries.
    """
    outputs = operation.compute_output_spec(*args, **kwargs)
    if type(operation) is not nn_ops.DotProductAttention:
        return outputs
    value = args[2] if len(args) > 2 else kwargs["value"]
    return keras.KerasTensor((*outputs.shape[:-1], value.shape[-1]), dtype=outputs.dtype)


def is_of_keras(operation: keras.Operation) -> bool:
    """Tells whether the class of a layer or an operation is one of Keras's own."""
    return type(operation).__module__.split(".")[0] == "keras"


def producer(tensor: keras.KerasTensor) -> keras.Operation:
    """Returns the layer or the operation that a symbolic tensor is an output of."""
    return tensor._keras_history.operation


def recorded_call(tensor: keras.KerasTensor) -> tuple:
    """Returns the call that a symbolic tensor comes from.

    Returns:
        Its operation, its positional arguments, its keyword arguments, and the list of its outputs.

    Raises:
        ValueError: if no call computed the tensor.
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None or history.operation is None:
        raise ValueError(f"No operation computed this symbolic tensor. Received: {tensor!r}")
    node = history.operation._inbound_nodes[history.node_index]
    return history.operation, node.arguments.args, node.arguments.kwargs, node.outputs


@contextlib.contextmanager
def forgotten_calls(layers: list[keras.layers.Layer]):
    """Lets layers forget at the end how they were called on symbolic tensors meanwhile."""
    lists = [nodes for x in layers for nodes in (x._inbound_nodes, x._outbound_nodes)]
    lengths = [len(nodes) for nodes in lists]
    try:
        yield
    finally:
        for nodes, length in zip(lists, lengths, strict=True):
            del nodes[length:]


def inner_layers(layer: keras.layers.Layer, recursive: bool = True) -> list[keras.layers.Layer]:
    """Returns the layers inside a layer or a model, in any nesting or only the direct ones."""
    return list(layer._flatten_layers(include_self=False, recursive=recursive))


def count_names_anew() -> None:
    """Lets the names that Keras gives to layers and optimizers count from the beginning.

    So a model has the same names wherever it is made. `keras.utils.clear_session` does it too, but
    forgets the dtype policy and the distribution besides.
    """
    naming.reset_uids()


def build_loss_and_metrics(model: keras.Model, targets: keras.KerasTensor) -> None:
    """Builds the loss and the metrics of a compiled model for its first output.

    `fit` does it too, but traces the whole model once more for the shape of the output.

    Args:
        model: a functional model that was compiled.
        targets: symbolic tensor, of the shape of the targets of a batch.
    """
    model._compile_loss.build(targets, model.outputs[0])
    if model._compile_metrics is not None:
        model._compile_metrics.build(targets, model.outputs[0])


def tflite_converter(infer):
    """Returns TensorFlow's converter of a concrete function, which keeps its inputs in order.

    By default the converter goes through a SavedModel, which sorts inputs and outputs by name.

    Args:
        infer: a concrete TensorFlow function.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([infer], tf.Module())
    converter.experimental_lower_to_saved_model = False
    definition = infer.graph.as_graph_def()
    if not infer.captured_inputs and not definition.library.function:
        # To make variables constants the converter rebuilds the graph. It takes longer than to
        # convert it, and here are no variables.
        frozen = definition, infer.inputs, infer.outputs, infer
        converter._freeze_concrete_function = lambda: frozen
    return converter


def outside_of_graphs() -> contextlib.AbstractContextManager:
    """Lets operations on numbers be computed at once, also while a function is traced."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.init_scope()
    if keras.backend.backend() == "jax":
        import jax

        return jax.ensure_compile_time_eval()
    return contextlib.nullcontext()


@functools.cache
def compiled_by_tensorflow(function: Callable) -> Callable:
    """Returns a function of tensors that TensorFlow compiles as a whole, with XLA.

    On other backends, which compile the step around it, and where TensorFlow has no XLA, it is the
    function itself.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    if not _tensorflow_compiles():
        return function
    import tensorflow as tf

    @functools.cache
    def compiled(*shapes):
        # one for every combination of shapes, as TensorFlow warns of functions it traces often
        return tf.function(function, jit_compile=True, autograph=False)

    return lambda *tensors: compiled(*(tuple(x.shape) for x in tensors))(*tensors)


@functools.cache
def _tensorflow_compiles() -> bool:
    import tensorflow as tf

    try:
        with tf.init_scope():
            tf.function(lambda x: x + 1, jit_compile=True, autograph=False)(tf.zeros(()))
    except (tf.errors.OpError, ValueError):
        return False
    return True


def standardized_inputs(model: keras.Model, inputs):
    """Returns inputs of a functional model in the order and the shapes that its graph expects."""
    functional = model._functional if isinstance(model, keras.Sequential) else model
    return functional._standardize_inputs(inputs)


def output_structure(model: keras.Model):
    """Returns the symbolic outputs of a functional or a Sequential model in their structure."""
    functional = model._functional if isinstance(model, keras.Sequential) else model
    return functional._outputs_struct


def tflite_interpreter(content: bytes):
    """Returns an interpreter of a .tflite file: that of LiteRT, or else the one in TensorFlow.

    Args:
        content: the file.

    Raises:
        ValueError: if the runtime cannot run the file.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tensorflow.lite.python.interpreter import Interpreter
    with warnings.catch_warnings():
        # TensorFlow's asks for LiteRT
        warnings.filterwarnings("ignore", category=UserWarning)
        try:
            interpreter = Interpreter(model_content=content)
            interpreter.allocate_tensors()
        except RuntimeError as error:
            raise ValueError(f"The runtime cannot run the .tflite file: {error}") from error
    return interpreter
