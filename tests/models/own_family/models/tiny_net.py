"""TinyNet, a family of one's own.

Tiny Networks, 2026 (a paper that does not exist).
"""

from typing import NamedTuple

from keraslight.layers import TinyBlock
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, pick
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["TinyNet"]


class Variant(NamedTuple):
    """The channels and the blocks of every stage."""

    channels: tuple[int, ...]
    blocks: tuple[int, ...]


VARIANTS = {
    "s": Variant((8, 16), (2, 1)),
    "m": Variant((8, 16, 32), (2, 2, 1)),
}


def TinyNet(
    variant: str = "s",
    include_top: bool = True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation="softmax",
    dropout_rate: float = 0.0,
    activation="relu",
    name: str | None = None,
) -> LightModel:
    """Builds TinyNet. The docstring of `keraslight.RepVGG` shows what this one has to say."""
    row = pick(VARIANTS, variant, "variant")
    start = image_input(
        input_tensor, input_shape, default_size=224, min_size=32, include_top=include_top
    )
    stem = TinyBlock(row.channels[0], 2, activation=activation, name="stem")
    x = stem(start)
    stages = [Stage("stem", 2, (stem,), x)]
    for number, (channels, depth) in enumerate(zip(row.channels, row.blocks, strict=True), 1):
        blocks = []
        for index in range(depth):
            block = TinyBlock(
                channels,
                strides=1 if index else 2,
                activation=activation,
                name=f"stage{number}_block{index}",
            )
            x = block(x)
            blocks.append(block)
        stages.append(Stage(f"stage{number}", 2 * stages[-1].strides, tuple(blocks), x))
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)
    return image_model(
        start,
        x,
        input_tensor=input_tensor,
        architecture={
            "family": "tiny_net",
            "name": f"tiny_net_{variant}",
            "options": changed_options({"activation": activation}, {"activation": "relu"}),
        },
        stages=stages,
        name=name,
        weights=weights,
    )


for _variant in VARIANTS:
    register(f"tiny_net_{_variant}", TinyNet, variant=_variant)
