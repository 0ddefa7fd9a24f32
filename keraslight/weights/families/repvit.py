"""RepViT's published weights (the authors', as timm hosts them), and the names of its tensors."""

from keraslight.layers.repvit_mixer import RepViTMixer
from keraslight.weights.names import TensorMap, classifier_of
from keraslight.weights.registry import PublishedWeights, register_family
from keraslight.weights.timm_hub import TIMM, timm_preprocessing, timm_source

# (variant, top-1 after 450 epochs of distillation)
VARIANTS = (("m0_9", 79.1), ("m1_0", 80.3), ("m1_1", 81.2), ("m1_5", 82.5), ("m2_3", 83.7))
PUBLISHED = tuple(
    PublishedWeights(
        name=f"repvit_{variant}",
        sources=(timm_source(f"repvit_{variant}.dist_450e_in1k"),),
        licence="Apache-2.0",
        preprocessing=timm_preprocessing(crop=0.95),
        top1=top1,
        top1_source="the paper (CVPR 2024)",
    )
    for variant, top1 in VARIANTS
)
# timm's names of the layers that halve the resolution, in order
DOWNSAMPLING = (
    "pre_block.token_mixer",
    "pre_block.channel_mixer",
    "spatial_downsample",
    "channel_downsample",
    "ffn",
)
HEADS = ("head.head", "head.head_dist")


def timm_tensors(model) -> TensorMap:
    """Returns the map from timm's names to the variables of a RepViT."""
    tensors = TensorMap()
    stem, *stages = model.stages
    for index, block in enumerate(stem.blocks, 1):
        _conv_norm(tensors, f"stem.conv{index}", block)
    for number, stage in enumerate(stages):
        blocks = stage.blocks
        if number:
            for part, layer in zip(DOWNSAMPLING, blocks, strict=False):
                _layer(tensors, f"stages.{number}.downsample.{part}", layer)
            blocks = blocks[len(DOWNSAMPLING) :]
        for index, layer in enumerate(blocks):
            name = f"stages.{number}.blocks.{index // 2}"
            _layer(tensors, f"{name}.{'channel' if index % 2 else 'token'}_mixer", layer)
            if getattr(layer, "attention", None) is not None:
                tensors.conv(f"{name}.se.fc1", layer.attention.reduce)
                tensors.conv(f"{name}.se.fc2", layer.attention.expand)
    _classifiers(tensors, classifier_of(model))
    return tensors


def _layer(tensors, name, layer):
    if isinstance(layer, RepViTMixer):
        tensors.depthwise(f"{name}.conv.c", layer.depthwise)
        tensors.norm(f"{name}.conv.bn", layer.depthwise_norm)
        tensors.depthwise(f"{name}.conv1", layer.pointwise)
        tensors.norm(f"{name}.bn", layer.sum_norm)
    elif hasattr(layer, "project"):
        _conv_norm(tensors, f"{name}.conv1", layer.expand)
        _conv_norm(tensors, f"{name}.conv2", layer.project)
    else:
        _conv_norm(tensors, name, layer)


def _conv_norm(tensors, name, layer):
    tensors.conv_norm(f"{name}.c", f"{name}.bn", layer)


def _classifiers(tensors, layer):
    tensors.classifier_names = {
        f"{head}.{part}{suffix}"
        for head in HEADS
        for part, suffixes in (("bn", tensors.norm_suffixes), ("l", (".weight", ".bias")))
        for suffix in suffixes
    }
    if layer is None:
        return
    for head, norm, dense in (
        (HEADS[0], layer.norm, layer.dense),
        (HEADS[1], layer.teacher_norm, layer.teacher_dense),
    ):
        tensors.norm(f"{head}.bn", norm)
        tensors.dense(f"{head}.l", dense)


register_family("repvit", namings={TIMM: timm_tensors}, published=PUBLISHED)
