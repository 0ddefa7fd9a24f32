"""Compares a fused model with its original, channel by channel.

Every output channel is compared relative to its own scale, so that a large channel cannot hide an
error in a small one. The scale is the largest absolute value of the channel. Where large terms
cancel, that is too strict: the rounding of the terms is larger than their sum. Rounding acts like a
small change of the weights, so the scale of such a channel is its sensitivity instead, that is how
much it changes where all weights change by a share, divided by that share, but never more than the
largest value of all channels.

A channel that is 0 on all inputs, behind a ReLU for example, shows no error. So further batches,
shifted and scaled, are drawn until every channel has been seen to be active. A warning lists the
channels that never were.
"""

import itertools
import warnings

import keras
import numpy as np

from keraslight.compat import inner_layers
from keraslight.graph.graph import as_functional

BATCH = 2
SIZE = 64
# scale and shift of the pictures of each random batch in turn
SPREADS = (((1, 0), (3, 1)), ((1, 3), (1, -3)), ((10, 5), (10, -5)), ((100, 30), (100, -30)))
# the share by which weights change to find the sensitivity
CHANGE = 1e-3
# of how many random changes the largest effect counts: on few values one may miss it
CHANGES = 4
# the smallest scale of a channel
TINY = 1e-30
HALF_PRECISION = ("float16", "bfloat16")


def check_equal(model: keras.Model, fused: keras.Model, tolerance: float, data=None):
    """Compares the outputs of two models.

    Args:
        model: the original model.
        fused: the fused model, which computes in float32.
        tolerance: float, the largest difference allowed, relative to the scale of each channel.
        data: optional batch of inputs, in the structure of the model's. Defaults to random batches.

    Raises:
        ValueError: if an output channel differs by more than `tolerance`.
    """
    model = _in_float32(model)
    unseen = None
    for batch in [data] if data is not None else _random_batches(model):
        expected, received = _outputs(model, batch), _outputs(fused, batch)
        if unseen is not None and not all(np.isfinite(y).all() for y in expected):
            continue  # a large input overflows in the model itself
        scales = [np.abs(y).max(axis=0) for y in expected]
        if not all(
            _are_close(*outputs, tolerance)
            for outputs in zip(expected, received, scales, strict=True)
        ):
            for seed in range(CHANGES):
                changed = _outputs_of_changed_weights(fused, batch, seed)
                scales = [
                    np.maximum(scale, np.minimum(np.abs(a - b).max(axis=0) / CHANGE, scale.max()))
                    for scale, a, b in zip(scales, changed, received, strict=True)
                ]
        for index, outputs in enumerate(zip(expected, received, scales, strict=True)):
            if not _are_close(*outputs, tolerance):
                _refuse(index, _errors(*outputs), tolerance)
        silent = [(y == 0).all(axis=0) for y in expected]
        unseen = silent if unseen is None else [a & b for a, b in zip(unseen, silent, strict=True)]
        if not any(channels.any() for channels in unseen):
            return
    if data is None:
        silent = ", ".join(
            f"{index}: {np.array2string(np.flatnonzero(channels), separator=', ', threshold=10)}"
            for index, channels in enumerate(unseen)
            if channels.any()
        )
        warnings.warn(
            "Some output channels were 0 on all inputs and were not compared: "
            f"{{{silent}}}. Pass a batch of the model's own inputs as data=.",
            stacklevel=3,
        )
    elif all(channels.all() for channels in unseen):
        warnings.warn(
            "The fused model was not compared, because all outputs of the model are 0 on the data. "
            "Pass another batch of the model's own inputs as data=.",
            stacklevel=3,
        )


def _errors(expected, received, scale):
    """Returns the largest difference in every channel, relative to its scale."""
    return np.abs(expected - received).max(axis=0) / np.maximum(scale, TINY)


def _are_close(expected, received, scale, tolerance):
    """Returns whether no channel differs by more than a tolerance."""
    return bool((_errors(expected, received, scale) <= tolerance).all())


def _refuse(index, errors, tolerance):
    """Raises the error for an output that differs."""
    if np.isfinite(errors).all():
        advice = (
            "Pass a larger tolerance= if the model amplifies rounding errors, or a batch of the "
            "model's own inputs as data=."
        )
    else:
        advice = "The outputs are not finite: look for NaN or tiny variances in the weights."
    errors = np.nan_to_num(errors, nan=np.inf)
    raise ValueError(
        f"The fused model was refused: output {index} differs by {errors.max():.2g} of its scale "
        f"in channel {errors.argmax()}. {advice} Received: tolerance={tolerance}"
    )


def _outputs(model, batch):
    """Returns every output in double precision, as an array of shape `(positions, channels)`."""
    outputs = keras.tree.flatten(model(batch, training=False))
    arrays = [keras.ops.convert_to_numpy(y).astype("float64") for y in outputs]
    return [y.reshape(-1, y.shape[-1] if y.ndim > 1 else 1) for y in arrays]


def _outputs_of_changed_weights(model, batch, seed):
    """Returns the outputs of a model whose weights differ by a share, each up or down at random."""
    rng = np.random.default_rng(seed)
    weights = model.get_weights()
    try:
        model.set_weights([w * (1 + CHANGE * rng.choice([-1, 1], w.shape)) for w in weights])
        return _outputs(model, batch)
    finally:
        model.set_weights(weights)


def _random_batches(model):
    """Yields random inputs in the structure of the model's; sides of any size are 64.

    Integers are pixels from 0 to 255 in images, and 0 or 1 elsewhere.
    """
    rng = np.random.default_rng(0)
    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input

    def draw(tensor, spreads):
        shape = [BATCH if tensor.shape[0] is None else tensor.shape[0]]
        shape += [SIZE if side is None else side for side in tensor.shape[1:]]
        if "float" not in tensor.dtype:
            is_image = len(shape) == 4 and tensor.dtype != "bool"
            return rng.integers(0, 256 if is_image else 2, shape).astype(tensor.dtype)
        noise = rng.normal(0, 1, shape)
        for picture, (scale, shift) in zip(noise, itertools.cycle(spreads), strict=False):
            picture[...] = scale * picture + shift
        return noise.astype("float32")  # the model casts it

    for spreads in SPREADS:
        yield keras.tree.map_structure(lambda x, spreads=spreads: draw(x, spreads), inputs)


def _in_float32(model):
    """Returns the model, or a copy that computes in float32 if a layer computes in half precision.

    In half precision the model itself is less exact than any fair tolerance.
    """
    if not any(layer.compute_dtype in HALF_PRECISION for layer in inner_layers(model)):
        return model
    copy = keras.models.clone_model(
        as_functional(model),
        clone_function=lambda layer: type(layer).from_config(
            {**layer.get_config(), "dtype": "float32"}
        ),
        recursive=True,
    )
    copy.set_weights(model.get_weights())
    return copy
