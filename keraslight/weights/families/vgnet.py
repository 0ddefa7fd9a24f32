"""VGNet's published weights, and the names of its tensors in them."""

import dataclasses

from keraslight.layers.downsampling_block import DownsamplingBlock
from keraslight.layers.shared_depthwise_conv2d import SharedDepthwiseConv2D
from keraslight.pictures.preprocessing import IMAGENET
from keraslight.weights.names import TensorMap
from keraslight.weights.registry import PublishedWeights, Source, register_family

AUTHORS = "ffiirree/cv-models"
RELEASE = f"https://github.com/{AUTHORS}/releases/download/v0.0.2-vgnets-weights"
LICENCE = "none stated for the weights; the authors' code is GPL-3.0"

# Version 2: the networks as the authors released them in November 2022. They evaluated on images
# whose shorter side was scaled to 232 pixels (results.md of their repository, with DALI).
# (network, first digits of the file's SHA-256, top-1)
RELEASED = (
    ("vgnetg_1_0mp", "0f87bf6c", 68.128),
    ("vgnetg_1_0mp_se", "914a9c4a", 70.122),
    ("vgnetg_1_5mp", "1ea464de", 70.494),
    ("vgnetg_1_5mp_se", "6d9ebf3b", 72.422),
    ("vgnetg_2_0mp", "4594e276", 72.314),
    ("vgnetg_2_0mp_se", "132bc3af", 74.324),
    ("vgnetg_2_5mp", "d38ca7ae", 73.740),
    ("vgnetg_2_5mp_se", "ed87bdb1", 75.590),
)
RELEASED_PREPROCESSING = dataclasses.replace(IMAGENET, resize=232)

# Version 1: the networks of the paper. The authors' code named these files until January 2022.
# Top-1 is the paper's, where the paper gives one for this network. The code evaluated at 256.
PAPER = (
    ("vgnetg_1_0mp", "533cb12b", 67.7),
    ("vgnetg_1_0mp_se", "4ddbde88", 69.2),
    ("vgnetg_1_5mp", "cbaa0f5d", None),
    ("vgnetg_1_5mp_se", "a759664f", None),
    ("vgnetg_2_0mp", "aa9fa383", None),
    ("vgnetg_2_0mp_se", "bcf70864", None),
    ("vgnetg_2_5mp", "378e2472", None),
    ("vgnetg_2_5mp_se", "8c373f00", None),
    ("vgnetc_1_5mp", "3711bf00", None),
    ("vgnetf_1_5mp", "21d7e648", 66.2),
    ("vgnete_1_5mp", "8416471a", 64.4),
)


def _rows(rows, version, preprocessing, top1_source):
    return [
        PublishedWeights(
            name=name,
            version=version,
            sources=(Source(f"{RELEASE}/{name}-{digits}.pth", AUTHORS, f"sha256:{digits}"),),
            licence=LICENCE,
            preprocessing=preprocessing,
            top1=top1,
            top1_source=top1_source if top1 else "",
        )
        for name, digits, top1 in rows
    ]


def official_tensors(model) -> TensorMap:
    """Returns the map from the authors' names to the variables of a VGNet."""
    tensors = TensorMap()
    stem, *stages = model.stages
    _conv_act_norm(tensors, "features.stem", stem.blocks[0])
    for number, stage in enumerate(stages, 1):
        blocks = stage.blocks
        if stage is stages[-1]:
            blocks = _without_last_block(tensors, f"features.stage{number}", blocks)
        for index, block in enumerate(blocks):
            _block(tensors, f"features.stage{number}.{index}", block)
    tensors.classifier(
        "classifier.1" if model.architecture["version"] == 2 else "classifier", model
    )
    return tensors


def _block(tensors, name, block):
    if isinstance(block, DownsamplingBlock):
        tensors.depthwise(f"{name}.downsample", block.downsample)
    elif block.norm is None:
        tensors.depthwise(f"{name}.half3x3", block.depthwise)
    else:
        tensors.depthwise(f"{name}.half3x3.0", block.depthwise)
        tensors.norm(f"{name}.half3x3.1", block.norm)
    name = f"{name}.conv1x1"
    attention = block.pointwise.attention
    if attention is not None:
        tensors.conv(f"{name}.1.reduce", attention.reduce)
        tensors.conv(f"{name}.1.expand", attention.expand)
        name = f"{name}.0"
    _conv_act_norm(tensors, name, block.pointwise.mix)


def _without_last_block(tensors, name, blocks):
    """Adds the plain layers that end the last stage; returns the blocks before them."""
    count = sum(hasattr(block, "pointwise") for block in blocks)
    depthwise, *norm, pointwise = blocks[count:]
    # the concatenation of the halves has the index in between
    name = f"{name}.{count + 1}"
    shared = isinstance(depthwise, SharedDepthwiseConv2D)
    tensors.depthwise(f"{name}.0.mux" if shared else f"{name}.0", depthwise)
    for layer in norm:
        tensors.norm(f"{name}.1", layer)
    _conv_act_norm(tensors, f"{name}.{1 + len(norm)}", pointwise)
    return blocks[:count]


def _conv_act_norm(tensors, name, layer):
    tensors.conv(f"{name}.0", layer.conv)
    tensors.norm(f"{name}.2", layer.norm)


register_family(
    "vgnet",
    namings={AUTHORS: official_tensors},
    published=(
        *_rows(RELEASED, 2, RELEASED_PREPROCESSING, f"the authors ({AUTHORS}, results.md)"),
        *_rows(PAPER, 1, IMAGENET, "the paper (ICME 2022)"),
    ),
)
