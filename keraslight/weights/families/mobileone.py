"""MobileOne's published weights (Apple's, as timm hosts them), and the names of its tensors."""

from keraslight.weights.names import TensorMap
from keraslight.weights.registry import PublishedWeights, register_family
from keraslight.weights.timm_hub import TIMM, timm_preprocessing, timm_source

LICENCE = "Apple's licence for MobileOne (apple/ml-mobileone, LICENSE)"
# (variant, top-1 of the paper, the share of the image that the crop keeps)
VARIANTS = (
    ("s0", 71.4, 0.875),
    ("s1", 75.9, 0.9),
    ("s2", 77.4, 0.9),
    ("s3", 78.1, 0.9),
    ("s4", 79.4, 0.9),
)
PUBLISHED = tuple(
    PublishedWeights(
        name=f"mobileone_{variant}",
        sources=(timm_source(f"mobileone_{variant}.apple_in1k"),),
        licence=LICENCE,
        preprocessing=timm_preprocessing(crop=crop, interpolation="bilinear"),
        top1=top1,
        top1_source="the paper (CVPR 2023)",
    )
    for variant, top1, crop in VARIANTS
)


def timm_tensors(model) -> TensorMap:
    """Returns the map from timm's names to the variables of a MobileOne."""
    tensors = TensorMap()
    stem, *stages = model.stages
    _block(tensors, "stem", stem.blocks[0])
    for number, stage in enumerate(stages):
        for index, block in enumerate(stage.blocks):
            _block(tensors, f"stages.{number}.{index}", block)
    tensors.classifier("head.fc", model)
    return tensors


def _block(tensors, name, block):
    add = tensors.depthwise if block.filters is None else tensors.conv
    if block.attention is not None:
        tensors.conv(f"{name}.attn.fc1", block.attention.reduce)
        tensors.conv(f"{name}.attn.fc2", block.attention.expand)
    if block.fused:
        add(f"{name}.reparam_conv", block.reparam)
        return
    for path in block.paths:
        if path.name == "identity":
            tensors.norm(f"{name}.identity", path.norm)
            continue
        branch = (
            "conv_scale" if path.name == "pointwise" else f"conv_kxk.{path.name.lstrip('conv')}"
        )
        add(f"{name}.{branch}.conv", path.conv)
        tensors.norm(f"{name}.{branch}.bn", path.norm)


register_family("mobileone", namings={TIMM: timm_tensors}, published=PUBLISHED)
