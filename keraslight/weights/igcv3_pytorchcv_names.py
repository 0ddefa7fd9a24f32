"""Names of IGCV3-D's tensors in the files of imgclsmob (the package pytorchcv)."""

import collections

from keraslight.weights.tensor_map import TensorMap

# a stage of theirs begins wherever the resolution halves
STAGES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 5, 7: 5}


def pytorchcv_igcv3_tensors(model) -> TensorMap:
    """Returns the map from pytorchcv's names to the variables of an IGCV3-D; empty for IGCV3-W."""
    tensors = TensorMap()
    if model.architecture["name"] == "igcv3_w":
        return tensors
    layers = {layer.name: layer for layer in model.layers}
    units = collections.Counter()
    for name, layer in layers.items():
        if name.endswith("_conv"):
            part = "init_block" if name == "stem_conv" else "final_block"
            norm = layers[name.removesuffix("conv") + "norm"]
            tensors.conv(f"features.{part}.conv", layer)
            tensors.norm(f"features.{part}.bn", norm)
        elif "_block" in name:
            stage = STAGES[int(name.removeprefix("stage").split("_")[0])]
            units[stage] += 1
            unit = f"features.stage{stage}.unit{units[stage]}"
            tensors.conv(f"{unit}.conv1.conv", layer.expand)
            tensors.norm(f"{unit}.conv1.bn", layer.expand_norm)
            tensors.depthwise(f"{unit}.conv2.conv", layer.depthwise)
            tensors.norm(f"{unit}.conv2.bn", layer.depthwise_norm)
            tensors.conv(f"{unit}.conv3.conv", layer.project)
            tensors.norm(f"{unit}.conv3.bn", layer.project_norm)
    tensors.head("output", model)
    return tensors
