"""Noise in place of pictures: for files that are timed, where only the structure matters."""

import keras
import numpy as np

import keraslight

# the least variance of a settled channel, as a share of the mean of its layer
LEAST_VARIANCE = 0.1


def pictures(model: keras.Model, seed: int, count: int = 2) -> np.ndarray:
    """Returns standard normal noise of the shape of a model's input, float32."""
    return (
        np.random.default_rng(seed).normal(0, 1, (count, *model.input_shape[1:])).astype("float32")
    )


def calibrate(quantized: keras.Model) -> None:
    """Sets the ranges of a quantized model by noise, in place."""
    keraslight.calibrate(
        quantized, [pictures(quantized, seed=1)], "minmax", bias_correction=False, verbose=0
    )


def settle(model: keras.Model, seed: int = 0) -> keras.Model:
    """Gives every BatchNormalization the statistics of noise, as training would.

    Without that the values of a deep network with random weights die out or grow without bound,
    and processors compute with the tiniest numbers at another speed.

    Two pictures leave deep channels that are almost constant. Normalizing those by their own
    variance would amplify rounding errors: in float32 the fused network would be far from the
    network as built. So no variance is less than a tenth of the mean of its layer.
    """
    norms = _norms(model)
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        model(pictures(model, seed), training=True)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    for norm in norms:
        variance = keras.ops.convert_to_numpy(norm.moving_variance)
        norm.moving_variance.assign(np.maximum(variance, LEAST_VARIANCE * variance.mean()))
    return model


def _norms(layer):
    """Returns the BatchNormalizations in a layer, however deep."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return [layer]
    return [norm for inner in getattr(layer, "_layers", []) for norm in _norms(inner)]
