"""MobileNetV4's published weights (timm's), and the names of its tensors."""

from keraslight.layers.universal_inverted_bottleneck import UniversalInvertedBottleneck
from keraslight.weights.names import TensorMap
from keraslight.weights.registry import PublishedWeights, register_family
from keraslight.weights.timm_hub import TIMM, timm_preprocessing, timm_source

# (variant, training, top-1 at this size, size, the share of the image that the crop keeps)
VARIANTS = (
    ("conv_small", "e2400_r224", 73.756, 224, 0.875),
    ("conv_medium", "e500_r224", 79.094, 224, 0.95),
    ("conv_large", "e500_r256", 81.862, 256, 0.95),
)
PUBLISHED = tuple(
    PublishedWeights(
        name=f"mobilenetv4_{variant}",
        sources=(timm_source(f"mobilenetv4_{variant}.{training}_in1k"),),
        licence="Apache-2.0",
        preprocessing=timm_preprocessing(size, crop),
        top1=top1,
        top1_source="timm (README.md)",
    )
    for variant, training, top1, size, crop in VARIANTS
)
# timm takes the two convolutions of the first stage of these networks for one block
WITH_FUSED_BOTTLENECK = ("mobilenetv4_conv_medium", "mobilenetv4_conv_large")
FUSED_BOTTLENECK = (("conv_exp", "bn1"), ("conv_pwl", "bn2"))


def timm_tensors(model) -> TensorMap:
    """Returns the map from timm's names to the variables of a MobileNetV4."""
    tensors = TensorMap()
    stem, *stages, head = model.stages
    tensors.conv_norm("conv_stem", "bn1", stem.blocks[0])
    for number, stage in enumerate(stages):
        for index, block in enumerate(stage.blocks):
            if number == 0 and model.architecture["name"] in WITH_FUSED_BOTTLENECK:
                conv, norm = FUSED_BOTTLENECK[index]
                tensors.conv_norm(f"blocks.{number}.0.{conv}", f"blocks.{number}.0.{norm}", block)
            else:
                _block(tensors, f"blocks.{number}.{index}", block)
    _block(tensors, f"blocks.{len(stages)}.0", head.blocks[0])
    if len(head.blocks) > 1:
        tensors.conv_norm("conv_head", "norm_head", head.blocks[1])
    else:
        tensors.unused = ("conv_head.", "norm_head.")
    tensors.classifier("classifier", model)
    return tensors


def _block(tensors, name, block):
    if not isinstance(block, UniversalInvertedBottleneck):
        tensors.conv_norm(f"{name}.conv", f"{name}.bn1", block)
        return
    for part, layer in (
        ("dw_start", block.start_conv),
        ("pw_exp", block.expand),
        ("dw_mid", block.middle_conv),
        ("pw_proj", block.project),
    ):
        if layer is not None:
            tensors.conv_norm(f"{name}.{part}.conv", f"{name}.{part}.bn", layer)


register_family("mobilenetv4", namings={TIMM: timm_tensors}, published=PUBLISHED)
