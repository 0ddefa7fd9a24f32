"""The networks that are compared, and the ratios that their fused forms should reach."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

import keraslight

SIZE = 224
SHAPE = (SIZE, SIZE, 3)

NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "MobileNetV2": lambda: keras.applications.MobileNetV2(weights=None, input_shape=SHAPE),
    "VGNetG-1.0MP": lambda: keraslight.VGNetG("1.0mp", input_shape=SHAPE),
    "VGNetG-1.0MP norm before": lambda: keraslight.VGNetG(
        "1.0mp", norm_first=True, input_shape=SHAPE
    ),
    "VGNetG-2.0MP": lambda: keraslight.VGNetG("2.0mp", input_shape=SHAPE),
    "RepVGG-A0": lambda: keraslight.RepVGG("a0", input_shape=SHAPE),
    "IGCV3-D": lambda: keraslight.IGCV3("d", input_shape=SHAPE),
    "LightNet dense": lambda: keraslight.LightNet(spatial="repso", input_shape=SHAPE),
    "FalconNet": lambda: keraslight.FalconNet(input_shape=SHAPE),
}


@dataclass(frozen=True)
class Goal:
    """A ratio of two latencies at one thread, and what it should be at most.

    Attributes:
        file: the network and its form, `"plain"` as built or `"fused"`.
        reference: those of the file it is divided by.
        goals: the most for `"float"` and for `"int8"`; `None` for no goal.
    """

    file: tuple[str, str]
    reference: tuple[str, str]
    goals: tuple[float | None, float | None]


GOALS = (
    Goal(("VGNetG-1.0MP", "fused"), ("VGNetG-1.0MP", "plain"), (0.90, 0.70)),
    Goal(("VGNetG-1.0MP", "fused"), ("MobileNetV2", "fused"), (0.58, 0.57)),
    Goal(("VGNetG-2.0MP", "fused"), ("VGNetG-2.0MP", "plain"), (0.95, 0.78)),
    Goal(("RepVGG-A0", "fused"), ("RepVGG-A0", "plain"), (0.89, 0.80)),
    Goal(("IGCV3-D", "fused"), ("IGCV3-D", "plain"), (0.88, 0.55)),
    Goal(("FalconNet", "fused"), ("LightNet dense", "fused"), (0.48, 0.75)),
    Goal(("VGNetG-1.0MP norm before", "fused"), ("VGNetG-1.0MP", "fused"), (None, None)),
)
KINDS = ("float", "int8")
SLACK = 0.03
