"""RepVGG's published weights (the authors', as timm hosts them), and the names of its tensors."""

import dataclasses
from typing import NamedTuple

from keraslight.pictures.preprocessing import IMAGENET
from keraslight.weights.names import TensorMap
from keraslight.weights.registry import PublishedWeights, Source, register_family
from keraslight.weights.timm_hub import TIMM, timm_source

AUTHORS = "DingXiaoH/RepVGG"
RELEASE = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-repvgg-weights"
LICENCE = "MIT"
TOP1_SOURCE = "timm (results-imagenet.csv)"

# (variant, top-1, SHA-256 of the hub's file where it is known, first digits of that of the release)
VARIANTS = (
    ("a0", 72.426, None, None),
    ("a1", 74.474, None, None),
    ("a2", 76.488, None, "c1ee6d2b"),
    ("b0", 75.158, None, "80ac3f1b"),
    ("b1", 78.370, None, "77ca2989"),
    ("b1g4", 77.608, None, "abde5d92"),
    (
        "b2",
        78.788,
        "83b87a825e032ce126fe872d8479f9b9b94fe535d9fc746c1d2a9c721091f4e3",
        "25b7494e",
    ),
    ("b2g4", 79.396, None, "165a85f2"),
    (
        "b3",
        80.528,
        "ba125a9e860c2e0f76eb546f5bdc3794243704815b95f04f2d15491aa04f2805",
        "199bc50d",
    ),
    (
        "b3g4",
        80.224,
        "ceff374a42ba7831307bf4f5bec91b4eb23fe9dd128e881845c014807ecd8452",
        "73c370bf",
    ),
    ("d2se", 83.550, None, None),
)
# evaluated at 320 pixels, without a crop
PREPROCESSING = {"d2se": dataclasses.replace(IMAGENET, height=320, width=320, resize=320)}


def _sources(variant, digest, digits):
    yield timm_source(f"repvgg_{variant}.rvgg_in1k", digest)
    if digits:
        yield Source(f"{RELEASE}/repvgg_{variant}-{digits}.pth", TIMM, f"sha256:{digits}")


PUBLISHED = tuple(
    PublishedWeights(
        name=f"repvgg_{variant}",
        sources=tuple(_sources(variant, digest, digits)),
        licence=LICENCE,
        preprocessing=PREPROCESSING.get(variant, IMAGENET),
        top1=top1,
        top1_source=TOP1_SOURCE,
    )
    for variant, top1, digest, digits in VARIANTS
)


class Names(NamedTuple):
    """How one implementation names the parts of a RepVGG.

    Attributes:
        stem: the first block.
        block: pattern of the other blocks.
        dense: the branch of the 3x3 convolution.
        pointwise: the branch of the 1x1 convolution.
        identity: the normalization of the identity.
        fused: the one convolution of the inference form.
        attention: the two convolutions of squeeze-and-excitation.
        classifier: the dense layer.
    """

    stem: str
    block: str
    dense: str
    pointwise: str
    identity: str
    fused: str
    attention: tuple[str, str]
    classifier: str


OFFICIAL_NAMES = Names(
    stem="stage0",
    block="stage{stage}.{block}",
    dense="rbr_dense",
    pointwise="rbr_1x1",
    identity="rbr_identity",
    fused="rbr_reparam",
    attention=("se.down", "se.up"),
    classifier="linear",
)
TIMM_NAMES = Names(
    stem="stem",
    block="stages.{stage_from_0}.{block}",
    dense="conv_kxk",
    pointwise="conv_1x1",
    identity="identity",
    fused="reparam_conv",
    attention=("attn.fc1", "attn.fc2"),
    classifier="head.fc",
)
# RepVGGplus names the two halves of its third stage apart; the first has this many blocks
PLUS_NAMES = OFFICIAL_NAMES._replace(
    block="stage{part}.blocks.{block_of_part}", attention=("post_se.down", "post_se.up")
)
HALF_OF_STAGE_3 = 12
# after which of these parts an auxiliary classifier stands
AUXILIARY = ("stage1", "stage2", "stage3_first")


def official_tensors(model) -> TensorMap:
    """Returns the map from the names of RepVGG's and QARepVGG's authors to a model's variables."""
    if not model.stages[0].blocks[0].se_after:
        return _tensors(model, OFFICIAL_NAMES)
    tensors = _tensors(model, PLUS_NAMES)
    heads = [stage for stage in model.stages if stage.head]
    for name, head in zip(AUXILIARY, heads, strict=False):
        conv, norm, predictions = head.blocks
        tensors.conv(f"{name}_aux.0.conv", conv)
        tensors.norm(f"{name}_aux.0.bn", norm)
        tensors.dense(f"{name}_aux.3", predictions)
    tensors.unused = tuple(f"{name}_aux." for name in AUXILIARY[len(heads) :])
    return tensors


def timm_tensors(model) -> TensorMap:
    """Returns the map from timm's names to the variables of a RepVGG."""
    return _tensors(model, TIMM_NAMES)


def _tensors(model, names):
    tensors = TensorMap()
    stem, *stages = (stage for stage in model.stages if not stage.head)
    _block(tensors, names.stem, stem.blocks[0], names)
    for number, stage in enumerate(stages, 1):
        for index, block in enumerate(stage.blocks):
            second = number == 3 and index >= HALF_OF_STAGE_3
            name = names.block.format(
                stage=number,
                stage_from_0=number - 1,
                block=index,
                part=f"3_{'second' if second else 'first'}" if number == 3 else number,
                block_of_part=index - HALF_OF_STAGE_3 * second,
            )
            _block(tensors, name, block, names)
    tensors.classifier(names.classifier, model)
    return tensors


def _block(tensors, name, block, names):
    if block.attention is not None:
        layers = (block.attention.reduce, block.attention.expand)
        for part, layer in zip(names.attention, layers, strict=True):
            tensors.conv(f"{name}.{part}", layer)
    if block.fused:
        tensors.conv(f"{name}.{names.fused}", block.reparam)
        return
    tensors.conv(f"{name}.{names.dense}.conv", block.dense)
    tensors.norm(f"{name}.{names.dense}.bn", block.dense_norm)
    if block.sum_norm is not None:
        tensors.conv(f"{name}.{names.pointwise}", block.pointwise)
        tensors.norm(f"{name}.bn", block.sum_norm)
        return
    tensors.conv(f"{name}.{names.pointwise}.conv", block.pointwise)
    tensors.norm(f"{name}.{names.pointwise}.bn", block.pointwise_norm)
    if block.identity_norm is not None:
        tensors.norm(f"{name}.{names.identity}", block.identity_norm)


register_family(
    "repvgg",
    namings={AUTHORS: official_tensors, TIMM: timm_tensors},
    published=PUBLISHED,
)
