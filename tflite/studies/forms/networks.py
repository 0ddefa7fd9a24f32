"""The networks that are compared, and the ratios that their fused forms should reach."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

import keraslight
from keraslight.graph.policy import FORMS, Policy

SIZE = 224
SHAPE = (SIZE, SIZE, 3)
KINDS = ("float", "int8")
SLACK = 0.03


def _named(name):
    return lambda: keraslight.create_model(name, input_shape=SHAPE)


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "MobileNetV2": lambda: keras.applications.MobileNetV2(weights=None, input_shape=SHAPE),
    "VGNetG-1.0MP": _named("vgnetg_1_0mp"),
    "VGNetG-1.0MP norm before": lambda: keraslight.VGNetG(
        "1.0mp", norm_first=True, input_shape=SHAPE
    ),
    "VGNetG-2.0MP": _named("vgnetg_2_0mp"),
    "RepVGG-A0": _named("repvgg_a0"),
    "IGCV3-D": _named("igcv3_d_1_0"),
    "LightNet dense": lambda: keraslight.LightNet(spatial="repso", input_shape=SHAPE),
    "FalconNet": _named("falconnet"),
    "MobileOne-S0": _named("mobileone_s0"),
    "MobileNetV4-Conv-S": _named("mobilenetv4_conv_small"),
    "LCNetV2-S": _named("lcnetv2_small"),
    "RepGhostNet 0.58": _named("repghostnet_058"),
    "RepViT-M0.9": _named("repvit_m0_9"),
}
# the forms of a network that has a choice; each value of each is timed
CHOICES = {
    "VGNetG-1.0MP": ("border", "join", "downsample"),
    "VGNetG-2.0MP": ("border", "join", "downsample"),
    "IGCV3-D": ("interleaved",),
    "FalconNet": ("narrow_pair", "wide_pair"),
}
# other combinations that are worth a file: the pairs as their paper has them
COMBINATIONS = {"FalconNet": ("narrow_pair=mixed,wide_pair=grouped",)}


@dataclass(frozen=True)
class Goal:
    """A ratio of two latencies at one thread, and what it should be at most.

    Attributes:
        file: the network and its form: `"plain"` as built, `"fused"`, or fused with the choices
            that it names, as `"border=sum"`.
        reference: those of the file it is divided by.
        goals: the most for `"float"` and for `"int8"`; `None` for no goal.
    """

    file: tuple[str, str]
    reference: tuple[str, str]
    goals: tuple[float | None, float | None]

    @property
    def kinds(self) -> list[str]:
        """The arithmetics in which the file is not a default, which is timed as `"fused"`."""
        named = self.file[1] not in ("fused", "plain")
        return [kind for kind in KINDS if not (named and is_default(self.file[1], kind))]


# what the fused form of a network is compared with: the network as built, or with FalconNet, which
# is slow as built, its fused twin without factors
PLAIN = {name: (name, "plain") for name in NETWORKS} | {"FalconNet": ("LightNet dense", "fused")}

GOALS = (
    Goal(("VGNetG-1.0MP", "fused"), PLAIN["VGNetG-1.0MP"], (0.90, 0.70)),
    Goal(("VGNetG-1.0MP", "fused"), ("MobileNetV2", "fused"), (0.58, 0.57)),
    Goal(("VGNetG-2.0MP", "fused"), PLAIN["VGNetG-2.0MP"], (0.95, 0.78)),
    Goal(("RepVGG-A0", "fused"), PLAIN["RepVGG-A0"], (0.89, 0.80)),
    Goal(("IGCV3-D", "fused"), PLAIN["IGCV3-D"], (0.88, 0.55)),
    Goal(("FalconNet", "fused"), PLAIN["FalconNet"], (0.48, 1.0)),
    Goal(("VGNetG-1.0MP norm before", "fused"), ("VGNetG-1.0MP", "fused"), (None, None)),
    *(
        Goal((name, "fused"), PLAIN[name], (1.0, 1.0))
        for name in (
            *("MobileNetV2", "MobileOne-S0", "MobileNetV4-Conv-S", "LCNetV2-S"),
            *("RepGhostNet 0.58", "RepViT-M0.9"),
        )
    ),
    *(
        Goal((name, f"{choice}={value}"), PLAIN[name], (None, None))
        for name, choices in CHOICES.items()
        for choice in choices
        for value in FORMS[choice].choices
    ),
    *(
        Goal((name, form), PLAIN[name], (None, None))
        for name, forms in COMBINATIONS.items()
        for form in forms
    ),
)


def policy_of(form: str, kind: str) -> Policy:
    """Returns the policy of a form.

    Args:
        form: `"fused"` for the defaults, or choices as `"border=sum,join=split"`.
        kind: `"float"` or `"int8"`.
    """
    return Policy(kind, **choices_of(form))


def form_of(network: str, form: str, kind: str) -> dict:
    """Returns what a form of a network is: the value of each of its `CHOICES`."""
    policy = policy_of(form, kind)
    return {name: policy[name] for name in CHOICES.get(network, ())}


def choices_of(form: str) -> dict:
    """Returns the choices that a form names."""
    if form in ("fused", "plain"):
        return {}
    choices = dict(choice.split("=") for choice in form.split(","))
    values = {name: {str(value): value for value in FORMS[name].choices} for name in choices}
    return {name: values[name][value] for name, value in choices.items()}


def is_default(form: str, kind: str) -> bool:
    """Returns whether a form is the one that `keraslight.fuse` writes."""
    return dict(policy_of(form, kind)) == dict(Policy(kind))
