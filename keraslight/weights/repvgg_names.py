"""Names of RepVGG's tensors: the authors' (DingXiaoH/RepVGG), QARepVGG's and timm's."""

from typing import NamedTuple

from keraslight.weights.tensor_map import TensorMap


class Names(NamedTuple):
    """How one implementation names the parts of a RepVGG."""

    dense: str
    pointwise: str
    identity: str
    deployed: str
    attention: tuple[str, str]
    classifier: str


OFFICIAL = Names(
    "rbr_dense", "rbr_1x1", "rbr_identity", "rbr_reparam", ("se.down", "se.up"), "linear"
)
TIMM = Names(
    "conv_kxk", "conv_1x1", "identity", "reparam_conv", ("attn.fc1", "attn.fc2"), "head.fc"
)
# RepVGGplus: the half of the third stage, and where its auxiliary heads stand
HALF_OF_STAGE_3 = 12
AUXILIARY = ("stage1", "stage2", "stage3_first")


def repvgg_tensors(model) -> TensorMap:
    """Returns the map from the authors' names to the variables of a RepVGG."""
    if model.architecture["name"].endswith("plus_l2pse"):
        return _plus_tensors(model)
    return _tensors(model, OFFICIAL, "stage0", "stage{stage}.{block}")


def timm_repvgg_tensors(model) -> TensorMap:
    """Returns the map from timm's names to the variables of a RepVGG."""
    return _tensors(model, TIMM, "stem", "stages.{stage_from_0}.{block}")


def _plus_tensors(model):
    names = OFFICIAL._replace(attention=("post_se.down", "post_se.up"))
    tensors = _tensors(model, names, "stage0", "stage{part}.blocks.{block_of_part}")
    layers = {layer.name: layer for layer in model.layers}
    for stage, name in enumerate(AUXILIARY, 1):
        if f"auxiliary{stage}_conv" not in layers:
            tensors.unused += (f"{name}_aux.",)
            continue
        tensors.conv(f"{name}_aux.0.conv", layers[f"auxiliary{stage}_conv"])
        tensors.norm(f"{name}_aux.0.bn", layers[f"auxiliary{stage}_norm"])
        tensors.dense(f"{name}_aux.3", layers[f"auxiliary{stage}_predictions"])
    return tensors


def _tensors(model, names, stem, pattern):
    tensors = TensorMap()
    for layer in model.layers:
        if layer.name == "stem":
            _block(tensors, stem, layer, names)
        elif layer.name.startswith("stage"):
            stage, block = (int(n) for n in layer.name[len("stage") :].split("_block"))
            second = stage == 3 and block >= HALF_OF_STAGE_3
            part = f"3_{'second' if second else 'first'}" if stage == 3 else stage
            name = pattern.format(
                stage=stage,
                stage_from_0=stage - 1,
                block=block,
                part=part,
                block_of_part=block - HALF_OF_STAGE_3 * second,
            )
            _block(tensors, name, layer, names)
    tensors.head(names.classifier, model)
    return tensors


def _block(tensors, name, block, names):
    if block.attention is not None:
        for part, layer in zip(
            names.attention, (block.attention.reduce, block.attention.expand), strict=True
        ):
            tensors.conv(f"{name}.{part}", layer)
    if block.fused:
        tensors.conv(f"{name}.{names.deployed}", block.reparam)
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
