"""Reads a Keras model as a list of calls. `ReparamLayer`s are replaced by their parts."""

import inspect
from collections.abc import Collection

import keras

from keraslight.graph.calls import Call, Graph, tensors_in
from keraslight.graph.policy import Policy
from keraslight.graph.write_out import StandIn, WriteOut, is_functional

PHASES = ("inference", "training")


def trace(
    model: keras.Model,
    phase: str = "inference",
    input_shape: tuple[int, ...] | None = None,
    policy: Policy | None = None,
    custom_layers: bool = False,
    keep: Collection[str] = (),
    composites: bool = False,
) -> Graph:
    """Reads a functional model as a graph of calls.

    Nested models and `ReparamLayer`s are replaced by their parts. The model is not changed.

    Args:
        model: a functional or a built Sequential model.
        phase: `"inference"` writes every `ReparamLayer` in its form at inference, `"training"` in
            its form in training.
        input_shape: optional shape of the input, without the batch, for a model of any size.
        policy: optional `Policy` that chooses among the forms at inference. Defaults to that for
            int8.
        custom_layers: whether layers that are neither Keras's nor keraslight's are replaced by
            their parts too: by the form that `keraslight.register_deploy` has for them, or by what
            their `call` does.
        keep: names of custom layers and of `composites` that are not replaced.
        composites: whether layers and operations of Keras that consist of others are replaced by
            their parts, such as attention and variances.

    Returns:
        A `Graph`. Its operations are the model's own layers where these are built-in.

    Raises:
        ValueError: if the model is neither functional nor Sequential, if it was not built, if
            `phase` is unknown, or if `input_shape` is given for a model of several inputs.
    """
    if not isinstance(model, keras.Model) or not is_functional(model):
        raise ValueError(
            "Only functional and built Sequential Keras models can be read as a graph. "
            f"Received: model={model!r}"
        )
    if phase not in PHASES:
        raise ValueError(f"`phase` must be one of {PHASES}. Received: phase={phase!r}")
    model = as_functional(model)
    sized = None if input_shape is None else _sized_inputs(model, input_shape)
    write_out = WriteOut(
        phase, policy or Policy(), model.operations, custom_layers, keep, composites
    )
    # what a nested model or layer consists of may hold nested ones again
    while sized is not None or any(map(write_out.replaces, model.operations)):
        model = keras.models.clone_model(
            as_functional(model),
            sized,
            clone_function=lambda operation: (
                operation if write_out.replaces(operation) else StandIn.of(operation)
            ),
            call_function=write_out,
        )
        sized = None
    return _read(model, write_out.layers, write_out.unreadable)


def _read(model, written_out: int, unreadable: dict[str, str]) -> Graph:
    """Returns the graph of a model that holds nothing to be written out."""
    calls = []

    def record(stand_in, *args, **kwargs):
        outputs = stand_in(*args, **kwargs)
        args, kwargs = _tensors_first(stand_in.operation, args, kwargs)
        calls.append(Call(stand_in.operation, args, kwargs, outputs))
        return outputs

    model = keras.models.clone_model(
        as_functional(model), clone_function=StandIn.of, call_function=record
    )
    return Graph(model.input, model.output, calls, written_out, unreadable)


def as_functional(model) -> keras.Model:
    """Returns a functional model of the same layers and of the same structure."""
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0])
    return keras.Model(model.input, model.output)


def _tensors_first(operation, args, kwargs):
    """Returns the arguments with tensors that were passed by keyword in their positions."""
    kwargs = dict(kwargs)
    for name in list(inspect.signature(operation.call).parameters)[len(args) :]:
        if name not in kwargs or not tensors_in(kwargs[name]):
            break
        args = (*args, kwargs.pop(name))
    return args, kwargs


def _sized_inputs(model, input_shape):
    """Returns new inputs of a given size in the structure of the model's."""
    if len(model.inputs) > 1:
        raise ValueError(
            "`input_shape` can be given only for a model of one input. "
            f"Received: input_shape={input_shape}, inputs={model.input}"
        )
    (source,) = model.inputs
    sized = keras.Input(input_shape, dtype=source.dtype, name=source.name)
    return keras.tree.map_structure(lambda _: sized, model.input)
