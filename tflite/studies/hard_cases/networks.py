"""Small classifiers of digits, and the scales of channels that make them hard to quantize.

A channel is multiplied by a number where it is written, and divided by it where it is read. In
float that changes nothing, as ReLU lets the number through. In int8 a channel of a small range is
lost beside one of a large range.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

L = keras.layers
SHAPE = (16, 16, 1)
CLASSES = 10
BATCH = 64


@dataclass(frozen=True)
class HardCase:
    """A network and where its channels are scaled.

    Attributes:
        build: function that returns the network.
        places: list of pairs: names of the layers that write the same channels, and names of those
            that read them.
    """

    build: Callable[[], keras.Model]
    places: Sequence[tuple[tuple[str, ...], tuple[str, ...]]] = ()


def convolutions() -> keras.Model:
    """Convolutions with ReLU between them."""
    x = start = keras.Input(SHAPE)
    x = L.Conv2D(12, 3, 2, "same", activation="relu", name="conv0")(x)
    x = L.Conv2D(16, 3, 2, "same", activation="relu", name="conv1")(x)
    x = L.MaxPooling2D(2)(x)
    return keras.Model(start, L.Dense(CLASSES, name="logits")(L.Flatten()(x)))


def depthwise(activation: str = "relu") -> keras.Model:
    """Depthwise convolutions between convolutions of 1x1."""
    x = start = keras.Input(SHAPE)
    x = L.Conv2D(24, 3, 2, "same", activation=activation, name="conv0")(x)
    x = L.DepthwiseConv2D(3, padding="same", activation=activation, name="depthwise1")(x)
    x = L.Conv2D(32, 1, activation=activation, name="pointwise1")(x)
    x = L.DepthwiseConv2D(3, 2, "same", activation=activation, name="depthwise2")(x)
    x = L.Conv2D(48, 1, activation=activation, name="pointwise2")(x)
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(start, L.Dense(CLASSES, name="logits")(x))


def residual() -> keras.Model:
    """Residual blocks: all layers that add to the same sum have the same factors."""
    x = start = keras.Input(SHAPE)
    x = L.Conv2D(16, 3, 2, "same", activation="relu", name="stem")(x)
    for block in (1, 2):
        y = L.Conv2D(16, 3, padding="same", activation="relu", name=f"block{block}a")(x)
        y = L.Conv2D(16, 3, padding="same", name=f"block{block}b")(y)
        x = L.ReLU()(L.Add()([x, y]))
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(start, L.Dense(CLASSES, name="logits")(x))


def branches() -> keras.Model:
    """Two branches of different layers that are concatenated."""
    x = start = keras.Input(SHAPE)
    x = L.Conv2D(12, 3, 2, "same", activation="relu", name="stem")(x)
    one = L.AveragePooling2D(2)(L.Conv2D(8, 1, activation="relu", name="one")(x))
    two = L.Conv2D(8, 3, 2, "same", activation="relu", name="two")(
        L.ZeroPadding2D(1)(x)[:, 1:-1, 1:-1]
    )
    x = L.Conv2D(24, 3, 2, "same", activation="relu", name="last")(L.Concatenate()([one, two]))
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(start, L.Dense(CLASSES, name="logits")(x))


HARD_CASES = {
    "convolutions": HardCase(convolutions, [(("conv0",), ("conv1",)), (("conv1",), ("logits",))]),
    "depthwise": HardCase(
        depthwise,
        [
            (("conv0",), ("depthwise1",)),
            (("depthwise1",), ("pointwise1",)),
            (("pointwise1",), ("depthwise2",)),
            (("depthwise2",), ("pointwise2",)),
            (("pointwise2",), ("logits",)),
        ],
    ),
    "residual": HardCase(
        residual,
        [
            (("stem", "block1b", "block2b"), ("block1a", "block2a", "logits")),
            (("block1a",), ("block1b",)),
            (("block2a",), ("block2b",)),
        ],
    ),
    "branches": HardCase(branches, [(("stem",), ("one", "two")), (("one",), ("last",))]),
    # ReLU6 lets no factor through: the ranges are those of the training
    "depthwise_relu6": HardCase(lambda: depthwise("relu6")),
}


def trained(
    case: HardCase, images: np.ndarray, labels: np.ndarray, epochs: int = 60, seed: int = 0
) -> keras.Model:
    """Returns the network of a case, trained on digits."""
    keras.utils.set_random_seed(seed)
    model = case.build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * (len(images) // BATCH))
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def with_scaled_channels(model: keras.Model, case: HardCase, seed: int = 0) -> keras.Model:
    """Returns a copy of a network that computes the same with channels of very different ranges."""
    rng = np.random.default_rng(seed)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for writers, readers in case.places:
        channels = copy.get_layer(writers[0]).output.shape[-1]
        factors = 10 ** rng.uniform(-3, 3, channels)
        for name in writers:
            _scale_outputs(copy.get_layer(name), factors)
        for name in readers:
            _scale_inputs(copy.get_layer(name), 1 / factors)
    return copy


def _scale_outputs(layer, factors):
    kernel, bias = layer.get_weights()
    axis = factors[:, None] if isinstance(layer, L.DepthwiseConv2D) else factors
    layer.set_weights([kernel * axis, bias * factors])


def _scale_inputs(layer, factors):
    kernel, bias = layer.get_weights()
    inputs = kernel.shape[-2]
    factors = np.resize(factors, inputs) if len(factors) < inputs and kernel.ndim == 2 else factors
    if len(factors) < inputs:  # the other inputs come from another layer
        factors = np.concatenate([factors, np.ones(inputs - len(factors))])
    layer.set_weights([kernel * factors[:, None], bias])
