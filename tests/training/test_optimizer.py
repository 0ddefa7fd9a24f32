import dataclasses

import keras
import numpy as np
import pytest

import keraslight
from tests.training.tiny_recipe import RECIPE, tiny_network
from training.optimizer import PerUpdate, build_optimizer, decayed_variables, learning_rate
from training.task import compile_model

STEPS = 10
PLAIN = dataclasses.replace(RECIPE, ema=None, warmup_epochs=0, label_smoothing=0.0)


def test_vectors_do_not_decay():
    model = tiny_network(3, (16, 16, 3), None)
    decayed = {id(v) for v in decayed_variables(model)}
    kept = [v.path for v in model.trainable_variables if id(v) not in decayed]
    assert len(decayed) == 3
    assert len(kept) == 6
    assert all(path.endswith(("gamma", "beta", "bias")) for path in kept)


def test_in_adamw_only_kernels_decay():
    model = tiny_network(3, (16, 16, 3), None)
    recipe = dataclasses.replace(PLAIN, learning_rate=0.1, weight_decay=0.5)
    optimizer = build_optimizer(recipe, model, STEPS)
    for variable in model.trainable_variables:
        variable.assign(keras.ops.ones_like(variable))
    optimizer.apply(
        [keras.ops.zeros_like(v) for v in model.trainable_variables], model.trainable_variables
    )
    for variable in model.trainable_variables:
        expected = 1 - 0.1 * 0.5 if len(variable.shape) > 1 else 1
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), expected, rtol=1e-6)


def test_the_learning_rate_falls_in_steps():
    recipe = dataclasses.replace(
        PLAIN, epochs=4, train_sizes=(), schedule="step", decay_rate=0.1, decay_epochs=(2, 3)
    )
    schedule = learning_rate(dataclasses.replace(recipe, learning_rate=1.0), STEPS)
    rates = [float(schedule(step)) for step in (0, 19, 20, 29, 30, 39)]
    np.testing.assert_allclose(rates, [1, 1, 0.1, 0.1, 0.01, 0.01], rtol=1e-6)


def test_the_learning_rate_is_written_once_into_a_graph():
    tf = pytest.importorskip("tensorflow")
    written = []

    def schedule(step):
        written.append(step)
        return tf.cast(step, "float32") / 2

    rate, step = PerUpdate(schedule, 1), tf.Variable(0)

    @tf.function
    def steps():
        both = rate(step), rate(step)
        step.assign_add(1)
        return both

    assert [[float(r) for r in steps()] for _ in range(3)] == [[0, 0], [0.5, 0.5], [1, 1]]
    assert len(written) == 1
    assert float(rate(tf.constant(8))) == 4
    assert float(rate(tf.constant(6))) == 3


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_decays_as_in_pytorch(nesterov):
    torch = pytest.importorskip("torch")
    recipe = dataclasses.replace(
        PLAIN, optimizer="sgd", schedule="exponential", decay_rate=1.0, learning_rate=0.1,
        weight_decay=0.01, nesterov=nesterov,
    )  # fmt: skip
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    theirs = torch.nn.Linear(4, 3)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(model.get_weights()[0].T))
        theirs.bias.zero_()
    other = torch.optim.SGD(
        [
            {"params": [theirs.weight], "weight_decay": 0.01},
            {"params": [theirs.bias], "weight_decay": 0.0},
        ],
        lr=0.1,
        momentum=0.9,
        nesterov=nesterov,
    )
    compile_model(model, optimizer=build_optimizer(recipe, model, STEPS), jit_compile=False)
    random = np.random.default_rng(0)
    for _ in range(5):
        x = random.normal(size=(8, 4)).astype("float32")
        y = np.eye(3, dtype="float32")[random.integers(0, 3, 8)]
        model.train_on_batch(x, y)
        other.zero_grad()
        torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y)).backward()
        other.step()
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, theirs.weight.detach().numpy().T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias, theirs.bias.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_the_learning_rate_rises_and_falls():
    recipe = dataclasses.replace(
        PLAIN, epochs=10, train_sizes=(), warmup_epochs=2, final_learning_rate=0.002
    )
    schedule = learning_rate(recipe, STEPS)
    rates = [float(schedule(step)) for step in (0, 10, 20, 60, 100)]
    peak = recipe.learning_rate
    np.testing.assert_allclose(rates[:3], [peak / 20, peak * 10.5 / 20, peak], rtol=1e-2)
    np.testing.assert_allclose(rates[3:], [(peak + 0.002) / 2, 0.002], rtol=1e-4)


def test_the_exponential_schedule_follows_the_warm_up():
    recipe = dataclasses.replace(
        PLAIN, epochs=10, train_sizes=(), warmup_epochs=2, schedule="exponential", decay_rate=0.5
    )
    schedule = learning_rate(recipe, STEPS)
    rates = [float(schedule(step)) / recipe.learning_rate for step in (0, 10, 20, 29, 30, 45)]
    np.testing.assert_allclose(rates, [1 / 20, 10.5 / 20, 1, 1, 0.5, 0.25], rtol=1e-6)
    copy = type(schedule).from_config(schedule.get_config())
    assert float(copy(13)) == float(schedule(13))


def test_the_normalizations_of_branches_do_not_decay():
    inputs = keras.Input((8, 8, 16))
    model = keras.Model(inputs, keraslight.layers.RefCO(16)(inputs))
    decayed = {id(v) for v in decayed_variables(model)}
    ranks = {v.name: len(v.shape) for v in model.trainable_variables if id(v) not in decayed}
    assert ranks == {"gamma": 3, "beta": 3}
    assert {v.name for v in model.trainable_variables if id(v) in decayed} == {"kernel"}


def test_accumulated_steps_make_the_update_of_the_whole_batch():
    random = np.random.default_rng(0)
    images = random.normal(size=(16, 8)).astype("float32")
    labels = np.eye(3, dtype="float32")[random.integers(0, 3, 16)]
    weights = []
    for accumulate in (1, 4):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
        recipe = dataclasses.replace(PLAIN, epochs=4, train_sizes=(), clip_norm=0.1)
        optimizer = build_optimizer(recipe, model, 1, accumulate)
        compile_model(model, optimizer=optimizer, jit_compile=False)
        model.fit(images, labels, epochs=4, batch_size=16 // accumulate, shuffle=False, verbose=0)
        weights.append(model.get_weights())
        assert int(optimizer.iterations) == 4
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
