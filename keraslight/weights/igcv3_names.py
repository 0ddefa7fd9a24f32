"""Names of IGCV3's tensors in the authors' MXNet files (homles11/IGCV3)."""

import itertools

from keraslight.weights.tensor_map import TensorMap

NORM = ("_gamma", "_beta", "_moving_mean", "_moving_var")


def igcv3_tensors(model) -> TensorMap:
    """Returns the map from the authors' names to the variables of an IGCV3."""
    wide = model.architecture["name"] == "igcv3_w"
    return _wide_tensors(model) if wide else _deep_tensors(model)


def _deep_tensors(model):
    tensors = TensorMap("_weight", "_bias", NORM)
    layers = {layer.name: layer for layer in model.layers}
    head = next(name for name in layers if name.endswith("head_conv")).removesuffix("_conv")
    for name, ours in (("first-3x3-conv", "stem"), ("last-1x1-conv", head)):
        tensors.conv(f"{name}-conv2d", layers[f"{ours}_conv"])
        tensors.norm(f"{name}-batchnorm", layers[f"{ours}_norm"])
    for layer in model.layers:
        if "_block" in layer.name:
            stage, block = (int(n) for n in layer.name[len("stage") :].split("_block"))
            name = f"seq-{stage - 1}-block{block}"
            tensors.conv(f"{name}-exp-conv2d", layer.expand)
            tensors.norm(f"{name}-exp-batchnorm", layer.expand_norm)
            tensors.depthwise(f"{name}-depthwise-conv2d", layer.depthwise)
            tensors.norm(f"{name}-depthwise-batchnorm", layer.depthwise_norm)
            tensors.conv(f"{name}-linear-conv2d", layer.project)
            tensors.norm(f"{name}-linear-batchnorm", layer.project_norm)
    tensors.head("fc", model)
    return tensors


def _wide_tensors(model):
    tensors = TensorMap("_weight", "_bias", NORM)
    norms = (f"batchnorm{index}" for index in itertools.count())
    block = 0
    for layer in model.layers:
        if layer.name == "stem_conv":
            tensors.conv("conv0", layer)
        elif layer.name == "stem_norm":
            tensors.norm("bn0", layer)
        elif "_block" in layer.name:
            tensors.conv(f"blk{block}nl_1", layer.expand)
            tensors.norm(next(norms), layer.expand_norm)
            tensors.depthwise(f"blk{block}_dw", layer.depthwise)
            tensors.norm(next(norms), layer.depthwise_norm)
            tensors.conv(f"blk{block}_ln_1", layer.project)
            tensors.norm(next(norms), layer.project_norm)
            if layer.shortcut is not None:
                _pair(tensors, f"blk{block}_igc", layer.shortcut, norms)
            block += 1
        elif layer.name.endswith("_head"):
            _pair(tensors, "final_conv", layer, norms)
    tensors.head("fullyconnected0", model)
    return tensors


def _pair(tensors, name, layer, norms):
    tensors.conv(f"{name}_ln_1", layer.first)
    tensors.norm(next(norms), layer.first_norm)
    tensors.conv(f"{name}_nl_1", layer.second)
    tensors.norm(next(norms), layer.second_norm)
