"""Makes the golden case pytorchcv_igcv3_d_0.5; run with pytorchcv 0.0.74 and PyTorch 2.13.

python -m tests.golden.make_pytorchcv_igcv3
"""

import json
import pathlib

import numpy as np
import torch
from pytorchcv.models.igcv3 import igcv3_wd2

from tests.golden import recipe

ROLES = {
    "bn.weight": "bn_gamma",
    "bn.bias": "bn_beta",
    "bn.running_mean": "bn_mean",
    "bn.running_var": "bn_var",
    "bn.num_batches_tracked": "bn_count",
    "conv.weight": "conv",
    "output.weight": "linear",
    "output.bias": "bias",
}


def describe(name, shape):
    tensor = {"name": name, "shape": list(shape), "role": ROLES[".".join(name.split(".")[-2:])]}
    # else the sums of the residual blocks grow until float32 is too coarse
    if name.endswith("conv3.bn.weight"):
        tensor["scale"] = 0.25
    return tensor


def main():
    model = igcv3_wd2().eval()
    case = {
        "model": "igcv3_d_0.5",
        "build": {"name": "igcv3_d_0_5"},
        "implementation": "pytorchcv 0.0.74, igcv3_wd2",
        "classes": 1000,
        "input_size": 224,
        "tolerance": 0.0001,
        "tensors": [describe(name, value.shape) for name, value in model.state_dict().items()],
    }
    tensors = {name: torch.from_numpy(value) for name, value in recipe.state_dict(case).items()}
    model.load_state_dict(tensors)
    with torch.no_grad():
        logits = {
            kind: model(torch.from_numpy(recipe.image(case, kind))).numpy()
            for kind in ("white", "blocky")
        }
    path = pathlib.Path(__file__).with_name("pytorchcv_igcv3_d_0.5.json")
    rows = ",\n  ".join(json.dumps(tensor) for tensor in case.pop("tensors"))
    path.write_text(json.dumps(case, indent=1)[:-2] + f',\n "tensors": [\n  {rows}\n ]\n}}\n')
    np.savez_compressed(path.with_suffix(".npz"), **logits)


if __name__ == "__main__":
    main()
