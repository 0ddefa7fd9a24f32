"""IGCV3's published weights, and the names of its tensors in them."""

import collections
import dataclasses
import itertools

from keraslight.layers.interleaved_group_block import InterleavedGroupBlock
from keraslight.pictures.preprocessing import IMAGENET
from keraslight.weights.names import TensorMap
from keraslight.weights.registry import PublishedWeights, Source, register_family

AUTHORS = "homles11/IGCV3"
PYTORCHCV = "pytorchcv"
IMGCLSMOB = "https://github.com/osmr/imgclsmob/releases/download"
IMGCLSMOB_LICENCE = "MIT (imgclsmob)"
TOP1_SOURCE = "imgclsmob (pytorch/README.md)"
# the authors subtracted the mean from pixels in [0, 255] and did not divide
OFFICIAL_PREPROCESSING = dataclasses.replace(
    IMAGENET,
    mean=(123.68, 116.779, 103.939),
    std=(1.0, 1.0, 1.0),
)
OFFICIAL = Source(
    f"https://github.com/{AUTHORS}/raw/master/models/igcv3-0000.params",
    AUTHORS,
    preprocessing=OFFICIAL_PREPROCESSING,
)
# pytorchcv's numbers of our seven stages: its stages begin where the resolution halves
PYTORCHCV_STAGES = (1, 2, 3, 4, 4, 5, 5)

PUBLISHED = (
    PublishedWeights(
        name="igcv3_d_1_0",
        sources=(
            Source(
                f"{IMGCLSMOB}/v0.0.126/igcv3_w1-0984-5f099cc8.pth.zip",
                PYTORCHCV,
                "sha1:5f099cc88286ca7ac2ecdfe4966abfb7c48480b7",
            ),
            OFFICIAL,
        ),
        licence=f"{IMGCLSMOB_LICENCE}; converted from the authors' weights, which state none",
        top1=71.60,
        top1_source=TOP1_SOURCE,
    ),
    PublishedWeights(
        name="igcv3_d_0_75",
        sources=(
            Source(
                f"{IMGCLSMOB}/v0.0.207/igcv3_w3d4-1140-63f43cf8.pth.zip",
                PYTORCHCV,
                "sha1:63f43cf8d334111d55d06f2f9bf7e1e4871d162c",
            ),
        ),
        licence=IMGCLSMOB_LICENCE,
        top1=68.95,
        top1_source=TOP1_SOURCE,
    ),
    PublishedWeights(
        name="igcv3_d_0_5",
        sources=(
            Source(
                f"{IMGCLSMOB}/v0.0.132/igcv3_wd2-1732-8c504f44.pth.zip",
                PYTORCHCV,
                "sha1:8c504f443283d8a32787275b23771082fcaab61b",
            ),
        ),
        licence=IMGCLSMOB_LICENCE,
        top1=60.25,
        top1_source=TOP1_SOURCE,
    ),
)


def official_tensors(model) -> TensorMap:
    """Returns the map from the names in the authors' MXNet files to the variables of an IGCV3."""
    tensors = TensorMap("_weight", "_bias", ("_gamma", "_beta", "_moving_mean", "_moving_var"))
    return _deep(model, tensors) if _is_deep(model) else _wide(model, tensors)


def _is_deep(model):
    return isinstance(model.stages[1].blocks[0], InterleavedGroupBlock)


def _deep(model, tensors):
    stem, *stages, head = model.stages
    for name, (conv, norm) in (("first-3x3-conv", stem.blocks), ("last-1x1-conv", head.blocks)):
        tensors.conv(f"{name}-conv2d", conv)
        tensors.norm(f"{name}-batchnorm", norm)
    for number, stage in enumerate(stages):
        for index, block in enumerate(stage.blocks):
            name = f"seq-{number}-block{index}"
            for part, layer, norm in _parts(block, ("exp", "depthwise", "linear")):
                _conv(tensors, f"{name}-{part}-conv2d", layer, block)
                tensors.norm(f"{name}-{part}-batchnorm", norm)
    tensors.classifier("fc", model)
    return tensors


def _wide(model, tensors):
    stem, *stages, head = model.stages
    conv, norm = stem.blocks
    tensors.conv("conv0", conv)
    tensors.norm("bn0", norm)
    norm_names = (f"batchnorm{index}" for index in itertools.count())
    blocks = [block for stage in stages for block in stage.blocks]
    for index, block in enumerate(blocks):
        for part, layer, norm in _parts(block, ("nl_1", "_dw", "_ln_1")):
            _conv(tensors, f"blk{index}{part}", layer, block)
            tensors.norm(next(norm_names), norm)
        if block.shortcut is not None:
            _pair(tensors, f"blk{index}_igc", block.shortcut, norm_names)
    _pair(tensors, "final_conv", head.blocks[0], norm_names)
    tensors.classifier("fullyconnected0", model)
    return tensors


def _pair(tensors, name, layer, norm_names):
    tensors.conv(f"{name}_ln_1", layer.first)
    tensors.norm(next(norm_names), layer.first_norm)
    tensors.conv(f"{name}_nl_1", layer.second)
    tensors.norm(next(norm_names), layer.second_norm)


def pytorchcv_tensors(model) -> TensorMap:
    """Returns the map from pytorchcv's names to the variables of an IGCV3-D; empty for IGCV3-W."""
    tensors = TensorMap()
    if not _is_deep(model):
        return tensors
    stem, *stages, head = model.stages
    for part, (conv, norm) in (("init_block", stem.blocks), ("final_block", head.blocks)):
        tensors.conv(f"features.{part}.conv", conv)
        tensors.norm(f"features.{part}.bn", norm)
    units = collections.Counter()
    for stage, blocks in zip(PYTORCHCV_STAGES, (s.blocks for s in stages), strict=True):
        for block in blocks:
            units[stage] += 1
            unit = f"features.stage{stage}.unit{units[stage]}"
            for part, layer, norm in _parts(block, ("conv1", "conv2", "conv3")):
                _conv(tensors, f"{unit}.{part}.conv", layer, block)
                tensors.norm(f"{unit}.{part}.bn", norm)
    tensors.classifier("output", model)
    return tensors


def _parts(block, names):
    layers = (block.expand, block.depthwise, block.project)
    norms = (block.expand_norm, block.depthwise_norm, block.project_norm)
    return zip(names, layers, norms, strict=True)


def _conv(tensors, name, layer, block):
    add = tensors.depthwise if layer is block.depthwise else tensors.conv
    add(name, layer)


register_family(
    "igcv3",
    namings={AUTHORS: official_tensors, PYTORCHCV: pytorchcv_tensors},
    published=PUBLISHED,
)
