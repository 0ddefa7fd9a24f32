"""Names of VGNet's tensors in the authors' checkpoints (ffiirree/cv-models)."""

from keraslight.layers import DownsamplingBlock
from keraslight.weights.tensor_map import TensorMap


def vgnet_tensors(model) -> TensorMap:
    """Returns the map from official names to the variables of a VGNet."""
    tensors = TensorMap()
    _conv_act_norm(tensors, "features.stem", model.get_layer("stem"))
    for layer in model.layers:
        stage, _, part = layer.name.partition("_")
        if part.startswith("block"):
            _block(tensors, f"features.{stage}.{part.removeprefix('block')}", layer)
    _last_block(tensors, model)
    tensors.head("classifier.1" if model.architecture["version"] == 2 else "classifier", model)
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


def _last_block(tensors, model):
    layers = {layer.name: layer for layer in model.layers}
    blocks = sum(name.startswith("stage4_block") for name in layers)
    name = f"features.stage4.{blocks + 1}"
    depthwise = layers["stage4_depthwise"]
    shared = hasattr(depthwise, "repeats")
    tensors.depthwise(f"{name}.0.mux" if shared else f"{name}.0", depthwise)
    last = 1
    if "stage4_norm" in layers:
        tensors.norm(f"{name}.1", layers["stage4_norm"])
        last = 2
    _conv_act_norm(tensors, f"{name}.{last}", layers["stage4_pointwise"])


def _conv_act_norm(tensors, name, layer):
    tensors.conv(f"{name}.0", layer.conv)
    tensors.norm(f"{name}.2", layer.norm)
