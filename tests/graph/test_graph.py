"""Models of every structure are read as a graph and computed from it."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.graph.copies import clone_with_weights
from keraslight.graph.graph import tensors_in, trace
from tests.helpers import images, outputs, randomize_norms, relative_error

L = keras.layers
SHAPE = (8, 8, 4)


@keras.saving.register_keras_serializable("tests")
class Pair(L.Layer):
    """Returns a dict."""

    def call(self, x):
        return {"twice": 2 * x, "more": x + 1}


@keras.saving.register_keras_serializable("tests")
class Wrapped(L.Layer):
    """Returns a list of one tensor."""

    def call(self, x):
        return [2 * x]


def conv_norm(x):
    return L.BatchNormalization()(L.Conv2D(4, 3)(x))


def by_keyword(x):
    x = L.Conv2D(4, 3)(inputs=x)
    x = L.BatchNormalization()(inputs=x, training=False)
    return keraslight.layers.RepVGGBlock(4)(inputs=x)


def two_pieces(x):
    first, second = keras.ops.split(conv_norm(x), 2, axis=-1)
    return L.Concatenate()([second, first])


def deeply_nested(x):
    inner = keras.Sequential([keras.Input(SHAPE), L.Conv2D(4, 3), L.BatchNormalization()])
    start = keras.Input(SHAPE, name="start")
    block = keraslight.layers.RepVGGBlock(4)
    middle = keras.Model({"start": start}, {"end": block(inner(start))})
    return L.ReLU()(middle({"start": x})["end"])


NETWORKS = {
    "by keyword": by_keyword,
    "a list of one": lambda x: [conv_norm(x)],
    "a dict of one": lambda x: {"out": conv_norm(x)},
    "lists and dicts": lambda x: [{"a": conv_norm(x)}, [x]],
    "a layer that returns a dict": lambda x: Pair()(conv_norm(x)),
    "a layer that returns a list of one": lambda x: Wrapped()(conv_norm(x))[0],
    "pieces of a split": two_pieces,
    "a split into one": lambda x: keras.ops.split(conv_norm(x), 1, axis=-1),
    "nested models": deeply_nested,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_structures(name):
    start = keras.Input(SHAPE)
    model = randomize_norms(keras.Model(start, NETWORKS[name](start)))
    graph = trace(model)
    assert not any(isinstance(call.operation, keras.Model) for call in graph.calls)
    keras.tree.assert_same_structure(graph.outputs, model.output)
    x = images(2, *SHAPE)
    result = graph.run([x], lambda call, *args, **kwargs: call.operation(*args, **kwargs))
    keras.tree.assert_same_structure(result, model.output)
    for y, z in zip(outputs(model, x), keras.tree.flatten(result), strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(z), y, atol=1e-5)
    fused = keraslight.fuse(model)
    keras.tree.assert_same_structure(fused.output, model.output)
    assert relative_error(model, fused, x) <= 1e-5


@pytest.mark.parametrize("structure", [lambda x: [x], lambda x: {"start": x}, lambda x: (x,)])
def test_structures_of_inputs(structure):
    start = keras.Input((None, None, 4), name="start")
    model = keras.Model(structure(start), conv_norm(start))
    graph = trace(model, input_shape=SHAPE)
    assert [x.shape for x in tensors_in(graph.inputs)] == [(None, *SHAPE)]
    keras.tree.assert_same_structure(graph.inputs, model.input)
    keras.tree.assert_same_structure(keraslight.fuse(model).input, model.input)


def test_tensors_that_were_passed_by_keyword_come_first():
    start = keras.Input(SHAPE)
    graph = trace(keras.Model(start, L.BatchNormalization()(inputs=start, training=False)))
    (call,) = graph.calls
    assert call.args == (graph.inputs,)
    assert call.kwargs == {"training": False}


def test_refusals():
    first, second = keras.Input(SHAPE), keras.Input(SHAPE)
    model = keras.Model([first, second], L.Add()([first, second]))
    with pytest.raises(ValueError, match="a model of one input"):
        trace(model, input_shape=SHAPE)
    with pytest.raises(ValueError, match="Received: phase='train'"):
        trace(model, "train")

    class Scaled(keraslight.layers.ReparamLayer):
        def call(self, x, factor):
            return x * factor

    with pytest.raises(ValueError, match="must take one argument"):
        trace(keras.Model([first, second], Scaled(name="two")(first, factor=second)))


def test_a_copy_is_frozen_where_the_original_is():
    block = keraslight.layers.RepVGGBlock(4)
    frozen = keraslight.layers.RepVGGBlock(4)
    inner = keras.Sequential([keras.Input(SHAPE), L.Conv2D(4, 1), L.BatchNormalization()])
    model = keras.Sequential([keras.Input(SHAPE), block, frozen, inner])
    block.dense_norm.trainable = frozen.trainable = inner.layers[0].trainable = False
    copy = clone_with_weights(model, None)
    assert [x.trainable for x in copy.variables] == [x.trainable for x in model.variables]
    assert len(copy.trainable_variables) == len(model.trainable_variables)
    assert not copy.layers[0].dense_norm.trainable
    assert copy.layers[0].pointwise_norm.trainable
    model.trainable = False
    assert not clone_with_weights(model, None).trainable_variables
