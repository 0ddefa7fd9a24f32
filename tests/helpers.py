"""Builds what several tests need."""

import contextlib
from unittest import mock

import keras
import numpy as np

from keraslight.models import vgnet


def norms_in(model):
    """Returns every BatchNormalization of a model, those inside blocks too."""
    found, seen = [], set()

    def visit(value):
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, keras.layers.BatchNormalization):
            found.append(value)
        elif isinstance(value, keras.layers.Layer):
            for inner in getattr(value, "layers", None) or vars(value).values():
                visit(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                visit(inner)

    visit(model)
    return found


def randomize_norms(model, seed=0):
    """Gives every BatchNormalization statistics and parameters far from their initial ones."""
    rng = np.random.default_rng(seed)
    norms = norms_in(model)
    assert norms
    for norm in norms:
        size = norm.moving_mean.shape[0]
        norm.set_weights(
            [
                *([rng.uniform(0.5, 1.5, size)] if norm.scale else []),
                *([rng.normal(0.2, 0.2, size)] if norm.center else []),
                rng.normal(0.2, 0.2, size),
                rng.uniform(0.5, 1.5, size),
            ]
        )
    return model


def randomize(model):
    """Gives normalizations, those inside RefCO too, statistics far from their initial ones."""
    if norms_in(model):
        randomize_norms(model)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if len(weight.shape) == 3 and weight.path.endswith(("mean", "variance", "gamma", "beta")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


@contextlib.contextmanager
def shallow_vgnets(most=2):
    """Limits the blocks in a stage of VGNets: every structure, in less time."""
    variants = {
        name: (channels, tuple(min(depth, most) for depth in depths))
        for name, (channels, depths) in vgnet.VARIANTS.items()
    }
    with mock.patch.dict(vgnet.VARIANTS, variants):
        yield


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype("float32")


def outputs(model, x):
    """Returns what a model makes of x at inference, as a list of NumPy arrays."""
    y = model(x, training=False)
    return [keras.ops.convert_to_numpy(leaf) for leaf in keras.tree.flatten(y)]


def relative_error(model, other, x):
    """Returns the largest difference of two models' outputs over the largest output."""
    return max(
        np.abs(a - b).max() / np.abs(a).max()
        for a, b in zip(outputs(model, x), outputs(other, x), strict=True)
    )


def signal_to_noise(signal, received):
    """Returns the signal-to-noise ratio in dB."""
    return 10 * np.log10(signal.var() / np.mean((signal - received) ** 2))


@contextlib.contextmanager
def unchanged(model):
    """Asserts that the weights of a model are the same afterwards."""
    before = [w.copy() for w in model.get_weights()]
    yield
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@contextlib.contextmanager
def no_file_larger_than(size):
    """Lets every write beyond a size fail, as on a disk that is full."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def table_cells(text):
    """Returns the cells of all Markdown tables in a text, row by row, without the rulers."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
