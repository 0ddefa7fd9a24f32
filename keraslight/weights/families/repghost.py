"""RepGhostNet's published weights (the authors', at timm), and the names of its tensors."""

from keraslight.weights.names import TensorMap
from keraslight.weights.registry import PublishedWeights, register_family
from keraslight.weights.timm_hub import TIMM, timm_preprocessing, timm_source

# (width in percent, top-1)
WIDTHS = (
    *(("050", 66.9), ("058", 68.9), ("080", 72.2), ("100", 74.2)),
    *(("111", 75.1), ("130", 76.4), ("150", 77.5), ("200", 78.8)),
)
PUBLISHED = tuple(
    PublishedWeights(
        name=f"repghostnet_{width}",
        sources=(timm_source(f"repghostnet_{width}.in1k"),),
        licence="MIT",
        preprocessing=timm_preprocessing(),
        top1=top1,
        top1_source="the paper (arXiv:2211.06088)",
    )
    for width, top1 in WIDTHS
)


def timm_tensors(model) -> TensorMap:
    """Returns the map from timm's names to the variables of a RepGhostNet."""
    tensors = TensorMap()
    stem, *stages, head = model.stages
    tensors.conv_norm("conv_stem", "bn1", stem.blocks[0])
    for number, stage in enumerate(stages):
        for index, block in enumerate(stage.blocks):
            _block(tensors, f"blocks.{number}.{index}", block)
    name = f"blocks.{len(stages)}.0"
    tensors.conv_norm(f"{name}.conv", f"{name}.bn1", head.blocks[0])
    if len(head.blocks) > 1:
        tensors.conv("conv_head", head.blocks[1])
    else:
        tensors.unused = ("conv_head.",)
    tensors.classifier("classifier", model)
    return tensors


def _block(tensors, name, block):
    for part, primary, mixer in (
        ("ghost1", block.expand, block.mixer1),
        ("ghost2", block.project, block.mixer2),
    ):
        tensors.conv_norm(f"{name}.{part}.primary_conv.0", f"{name}.{part}.primary_conv.1", primary)
        tensors.depthwise(f"{name}.{part}.cheap_operation.0", mixer.depthwise)
        tensors.norm(f"{name}.{part}.cheap_operation.1", mixer.depthwise_norm)
        tensors.norm(f"{name}.{part}.fusion_bn.0", mixer.identity_norm)
    if block.downsample is not None:
        tensors.conv_norm(f"{name}.conv_dw", f"{name}.bn_dw", block.downsample)
    if block.attention is not None:
        tensors.conv(f"{name}.se.conv_reduce", block.attention.reduce)
        tensors.conv(f"{name}.se.conv_expand", block.attention.expand)
    for index, layer in enumerate(block.shortcut):
        tensors.conv_norm(f"{name}.shortcut.{2 * index}", f"{name}.shortcut.{2 * index + 1}", layer)


register_family("repghost", namings={TIMM: timm_tensors}, published=PUBLISHED)
