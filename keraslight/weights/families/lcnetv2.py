"""PP-LCNetV2's published weights (PaddleClas', at timm), and the names of its tensors."""

from keraslight.weights.names import TensorMap
from keraslight.weights.registry import PublishedWeights, register_family
from keraslight.weights.timm_hub import TIMM, timm_preprocessing, timm_source

# (variant, training, top-1 where it is known)
VARIANTS = (
    ("small", "paddle_in1k", None),
    ("base", "ssld_in1k", 80.07),
    ("large", "paddle_in1k", None),
)
PUBLISHED = tuple(
    PublishedWeights(
        name=f"lcnetv2_{variant}",
        sources=(timm_source(f"lcnetv2_{variant}.{training}"),),
        licence="Apache-2.0",
        preprocessing=timm_preprocessing(),
        top1=top1,
        top1_source="PaddleClas (PP-LCNetV2)" if top1 else "",
    )
    for variant, training, top1 in VARIANTS
)


def timm_tensors(model) -> TensorMap:
    """Returns the map from timm's names to the variables of an LCNetV2."""
    tensors = TensorMap()
    stem, *stages = model.stages
    conv, block = stem.blocks
    tensors.conv_norm("stem.0.conv", "stem.0.bn", conv)
    _block(tensors, "stem.1", block)
    for number, stage in enumerate(stage for stage in stages if not stage.head):
        for index, block in enumerate(stage.blocks):
            _block(tensors, f"stages.{number}.{index}", block)
    if stages[-1].head:
        tensors.conv("conv_head", stages[-1].blocks[0])
    else:
        tensors.unused = ("conv_head.",)
    tensors.classifier("classifier", model)
    return tensors


def _block(tensors, name, block):
    paths = block.depthwise.paths
    for index, path in enumerate(paths):
        part = f"{name}.dw_conv_list.{index}" if len(paths) > 1 else f"{name}.dw_conv"
        tensors.depthwise(f"{part}.conv", path.conv)
        tensors.norm(f"{part}.bn", path.norm)
    if block.attention is not None:
        tensors.conv(f"{name}.se.fc1", block.attention.reduce)
        tensors.conv(f"{name}.se.fc2", block.attention.expand)
    for index, layer in enumerate(block.pointwise):
        part = f"{name}.pw_conv.{index}" if len(block.pointwise) > 1 else f"{name}.pw_conv"
        tensors.conv_norm(f"{part}.conv", f"{part}.bn", layer)


register_family("lcnetv2", namings={TIMM: timm_tensors}, published=PUBLISHED)
