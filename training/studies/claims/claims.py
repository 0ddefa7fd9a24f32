"""The claims, the pairs of recipes that decide them, and what each training costs.

The claims stand in the order in which they are worth deciding: those of a tier are trained before
those of the next.
"""

from typing import NamedTuple


class Pair(NamedTuple):
    """Two recipes whose difference in accuracy decides a claim.

    Attributes:
        network: the recipe that the claim speaks for.
        peer: the recipe that it is compared with.
        expected: `"better"`, or `"as good"` where the claim is that less is enough.
        why: what is equal, or what the network has less of.
    """

    network: str
    peer: str
    expected: str
    why: str


class Claim(NamedTuple):
    """What a paper claims.

    Attributes:
        paper: its network.
        text: the claim.
        published: the figures behind it, top-1 on ImageNet unless it says otherwise.
        pairs: the `Pair`s that decide it.
        tier: int, when it is trained; 3 for ablations.
    """

    paper: str
    text: str
    published: str
    pairs: tuple[Pair, ...]
    tier: int = 1


class Goal(NamedTuple):
    """An accuracy that one recipe should reach.

    Attributes:
        recipe: its name.
        accuracy: top-1 on the validation images.
        tier: int, when it is trained.
    """

    recipe: str
    accuracy: float
    tier: int = 1


def named(prefix: str, *pairs: tuple[str, str, str, str]) -> tuple[Pair, ...]:
    """Returns pairs whose recipes begin with the same prefix."""
    return tuple(Pair(f"{prefix}_{a}", f"{prefix}_{b}", *rest) for a, b, *rest in pairs)


CLAIMS = (
    Claim(
        "VGNet",
        "VGNetG-1.0MP is as accurate as MobileNetV2 with 30 to 50 % fewer parameters.",
        "67.7 % with 0.99 M parameters",
        named(
            "imagenette",
            ("vgnetg", "mobilenetv2_w50", "better", "equal parameters"),
            ("vgnetg", "mobilenetv2_w60", "as good", "31 % fewer parameters, equal multiply-adds"),
            ("vgnetg", "mobilenetv2_w70", "as good", "46 % fewer parameters"),
            ("vgnetg", "mobilenetv2", "as good", "71 % fewer parameters"),
        ),
    ),
    Claim(
        "FalconNet",
        "FalconNet is more accurate than LightNet and than other light networks, with fewer "
        "parameters and multiply-adds.",
        "no figures could be found",
        named(
            "imagenette",
            ("falconnet", "lightnet", "better", "69 % fewer parameters, 57 % fewer multiply-adds"),
            ("falconnet", "mobilenetv2_w60", "better", "39 % fewer, 17 % fewer"),
            ("falconnet", "mobilenetv2_w50", "better", "17 % fewer parameters"),
            ("falconnet", "lightnet_e1", "better", "48 % fewer, 25 % fewer"),
            ("falconnet", "lightnet_sandglass", "better", "24 % fewer parameters"),
        ),
    ),
    Claim(
        "IGCV3",
        "IGCV3 is more accurate than MobileNetV2 with as many parameters.",
        "72.2 % against 71.4 %, both 3.5 M parameters",
        named(
            "imagenette",
            ("igcv3", "mobilenetv2_w70", "better", "equal parameters and multiply-adds"),
            ("igcv3_w50", "mobilenetv2_w50", "better", "equal parameters and multiply-adds"),
        ),
    ),
    Claim(
        "RepVGG",
        "Branches in training make the same fused network more accurate.",
        "ACB: ResNet-18 71.2 % against 70.6 % plain",
        named(
            "imagenette",
            ("repvgg", "plain", "better", "the same fused network"),
            ("repvgg", "acb", "better", "the same fused network"),
            ("acb", "plain", "better", "the same fused network"),
        ),
    ),
    Claim(
        "VGNet",
        "Fixed edge and Gaussian kernels can replace learned depthwise kernels.",
        "edge and Gaussian kernels -1.4 %, edge kernels alone -3.2 %",
        named(
            "imagenette",
            ("vgnetf_edge_gaussian", "vgnetc", "as good", "no learned depthwise kernel"),
            ("vgnetf_edge", "vgnetc", "as good", "no learned depthwise kernel"),
            ("vgnetf_edge_gaussian", "vgnetf_edge", "better", "Gaussian kernels besides"),
            ("vgnetg", "vgnetc", "as good", "fixed kernels where the resolution halves"),
        ),
    ),
    Claim(
        "QARepVGG",
        "QARepVGG's block is as accurate as RepVGG's in float.",
        "QARepVGG-A0 72.2 % against RepVGG-A0 72.4 %",
        named("imagenette", ("repvgg_qa", "repvgg", "as good", "the same fused network")),
        tier=2,
    ),
    Claim(
        "VGNet",
        "Squeeze-and-excitation makes VGNetG-1.0MP more accurate.",
        "69.2 % with 1.14 M parameters against 67.7 % with 0.99 M",
        named("imagenette", ("vgnetg_se", "vgnetg", "better", "23 % more parameters")),
        tier=2,
    ),
    Claim(
        "FalconNet",
        "LightNet's overall architecture is better than that of MobileNetV2, with its block.",
        "no figures could be found",
        named("imagenette", ("lightnet", "mobilenetv2", "better", "17 % fewer parameters")),
        tier=2,
    ),
    Claim(
        "FalconNet",
        "The meta light block is the best basic block in LightNet.",
        "no figures could be found",
        named(
            "imagenette",
            ("lightnet", "lightnet_fasternet", "better", "16 % fewer parameters"),
            ("lightnet_e1", "lightnet_mobilenetv1", "better", "equal parameters"),
            ("lightnet_e1", "lightnet_igcv3", "better", "equal parameters"),
            ("lightnet_e1", "lightnet_sandglass", "better", "46 % more parameters"),
            ("lightnet_e1", "lightnet_shufflenetv2", "better", "74 % more parameters"),
        ),
        tier=2,
    ),
)
# ablations that the papers print or describe
CLAIMS += (
    Claim(
        "VGNet",
        "The half-identity block saves parameters and time and costs no accuracy.",
        "no figures could be found",
        named("imagenette", ("vgnetg", "vgnetg_full", "as good", "half of the channels computed")),
        tier=3,
    ),
    Claim(
        "FalconNet",
        "Of the three spatial operations of a meta basic block only the second matters.",
        "stated without figures in the text that could be found",
        named(
            "imagenette",
            ("lightnet", "lightnet_place1", "better", "place 2 against place 1"),
            ("lightnet", "lightnet_place3", "better", "place 2 against place 3"),
            ("lightnet", "lightnet_place12", "as good", "place 2 against places 1 and 2"),
            ("lightnet", "lightnet_place23", "as good", "place 2 against places 2 and 3"),
            ("lightnet", "lightnet_place123", "as good", "place 2 against all three"),
        ),
        tier=3,
    ),
    Claim(
        "FalconNet",
        "The frame of the meta basic block alone, with identities in all places, still works.",
        "stated without figures in the text that could be found",
        named("imagenette", ("lightnet_place0", "lightnet", "as good", "no spatial operation")),
        tier=3,
    ),
    Claim(
        "FalconNet",
        "A 3x3 depthwise convolution is enough as the spatial operation.",
        "the mean magnitude of the outermost weights of 5x5 kernels is negligible",
        named(
            "imagenette",
            ("lightnet", "lightnet_dw5x5", "as good", "3x3 against 5x5"),
            ("lightnet", "lightnet_partial", "better", "3x3 against a partial convolution"),
        ),
        tier=3,
    ),
    Claim(
        "FalconNet",
        "Each kind of branch of RepSO makes the same fused network more accurate.",
        "no figures could be found",
        named(
            "imagenette",
            ("lightnet_repso", "lightnet", "better", "the same fused network"),
            ("lightnet_repso", "lightnet_repso_squares", "better", "the same fused network"),
            ("lightnet_repso", "lightnet_repso_square", "better", "the same fused network"),
            ("lightnet_repso", "lightnet_repso_no_identity", "better", "the same fused network"),
        ),
        tier=3,
    ),
    Claim(
        "FalconNet",
        "The branches of RefCO in training make the same fused network more accurate.",
        "no figures could be found",
        named(
            "imagenette",
            ("falconnet", "falconnet_branches1", "better", "the same fused network"),
            ("falconnet", "falconnet_branches4", "better", "the same fused network"),
        ),
        tier=3,
    ),
    Claim(
        "FalconNet",
        "RefCO's reduction R = 2 is a good compromise.",
        "R = 2 is the default; no figures could be found",
        named(
            "imagenette",
            ("falconnet", "falconnet_r1", "as good", "R = 2 against 1"),
            ("falconnet", "falconnet_r4", "better", "R = 2 against 4"),
        ),
        tier=3,
    ),
    Claim(
        "FalconNet",
        "The meta light block is better than the blocks of EfficientNet and ShuffleNetV1.",
        "no figures could be found",
        named(
            "imagenette",
            ("lightnet", "lightnet_mbconv", "better", "no attention, ReLU in place of SiLU"),
            ("lightnet_e1", "lightnet_shufflenetv1", "better", "dense 1x1 convolutions"),
        ),
        tier=3,
    ),
    Claim(
        "IGCV3",
        "Two groups in both 1x1 convolutions are the best choice.",
        "the released network has G1 = G2 = 2",
        named(
            "imagenette",
            ("igcv3", "igcv3_g1", "as good", "2, 2 groups against none"),
            ("igcv3", "igcv3_g24", "better", "2, 2 groups against 2, 4"),
            ("igcv3", "igcv3_g4", "better", "2, 2 groups against 4, 4"),
        ),
        tier=3,
    ),
    Claim(
        "IGCV3",
        "One activation, after the depthwise convolution, is better than other places.",
        "the released network has none after the expansion, as it is twice as deep",
        named(
            "imagenette",
            ("igcv3", "igcv3_relu_both", "better", "the same network but for activations"),
            ("igcv3", "igcv3_relu_expand", "better", "the same network but for activations"),
        ),
        tier=3,
    ),
    Claim(
        "IGCV3",
        "The second permutation can be left out.",
        "the paper's formula has it, the released network has not",
        named("imagenette", ("igcv3", "igcv3_p2", "as good", "equal parameters")),
        tier=3,
    ),
    Claim(
        "IGCV3",
        "A deeper network is better than a wider one with as many parameters.",
        "IGCV3-D 72.2 % against IGCV3-W, whose figure could not be found",
        named("imagenette", ("igcv3", "igcv3_shallow", "better", "equal parameters")),
        tier=3,
    ),
    Claim(
        "DiracNet",
        "A residual connection inside the kernel makes a deep plain network trainable.",
        "DiracNet-34 72.2 %, ResNet-34 72.8 %",
        named("imagenette", ("plain_dirac", "plain", "better", "the same fused network")),
        tier=3,
    ),
)
GOALS = (Goal("imagenette_vgnetg_longer", 0.88, tier=2),)

# minutes of one core for a training, evaluated as often as the recipe says
MINUTES = {
    "imagenette_vgnetg": 8,
    "imagenette_vgnetg_se": 8,
    "imagenette_vgnetg_longer": 156,
    "imagenette_vgnetc": 8,
    "imagenette_vgnetf_edge": 7,
    "imagenette_vgnetf_edge_gaussian": 9,
    "imagenette_mobilenetv2": 18,
    "imagenette_mobilenetv2_w50": 10,
    "imagenette_mobilenetv2_w60": 13,
    "imagenette_mobilenetv2_w70": 14,
    "imagenette_falconnet": 43,
    "imagenette_lightnet": 12,
    "imagenette_lightnet_e1": 9,
    "imagenette_lightnet_sandglass": 9,
    "imagenette_lightnet_shufflenetv2": 8,
    "imagenette_lightnet_mobilenetv1": 9,
    "imagenette_lightnet_fasternet": 13,
    "imagenette_lightnet_igcv3": 12,
    "imagenette_igcv3": 24,
    "imagenette_igcv3_w50": 16,
    "imagenette_repvgg": 8,
    "imagenette_repvgg_qa": 8,
    "imagenette_acb": 19,
    "imagenette_plain": 4,
    # of the ablations, estimated by the networks above
    "imagenette_vgnetg_full": 12,
    **dict.fromkeys(
        (f"imagenette_lightnet_place{places}" for places in ("0", "1", "3", "12", "23", "123")), 13
    ),
    "imagenette_lightnet_dw5x5": 14,
    "imagenette_lightnet_partial": 24,
    "imagenette_lightnet_repso": 24,
    "imagenette_lightnet_repso_squares": 18,
    "imagenette_lightnet_repso_square": 20,
    "imagenette_lightnet_repso_no_identity": 22,
    "imagenette_lightnet_mbconv": 16,
    "imagenette_lightnet_shufflenetv1": 9,
    "imagenette_falconnet_r1": 43,
    "imagenette_falconnet_r4": 35,
    "imagenette_falconnet_branches1": 35,
    "imagenette_falconnet_branches4": 35,
    "imagenette_igcv3_g1": 20,
    "imagenette_igcv3_g24": 24,
    "imagenette_igcv3_g4": 24,
    "imagenette_igcv3_relu_expand": 24,
    "imagenette_igcv3_relu_both": 25,
    "imagenette_igcv3_p2": 25,
    "imagenette_igcv3_shallow": 20,
    "imagenette_plain_dirac": 6,
}
# three seeds, but for the slowest, and two for ablations
SEEDS = 3
FEWER_SEEDS = {"imagenette_falconnet": 2, "imagenette_vgnetg_longer": 1}
# int8 of the recipes of the first tier: the step, and its minutes as a share of the training's
INT8_STEPS = {"qat": 0.8, "qat_control": 0.35}


def seeds_of(recipe: str, tier: int) -> int:
    """Returns how many seeds of a recipe are planned."""
    return FEWER_SEEDS.get(recipe, SEEDS if tier < 3 else 2)


def recipes_of(tier: int | None = None) -> list[str]:
    """Returns the recipes that the claims of a tier need, or of all, in order, each once."""
    pairs = [p for claim in CLAIMS if tier in (None, claim.tier) for p in claim.pairs]
    names = [name for pair in pairs for name in (pair.network, pair.peer)]
    goals = [goal.recipe for goal in GOALS if tier in (None, goal.tier)]
    return list(dict.fromkeys([*names, *goals]))
