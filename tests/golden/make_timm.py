"""Makes golden cases of timm's networks; run with timm 1.0.31 and PyTorch 2.13.

python -m tests.golden.make_timm mobileone_s0 mobilenetv4_conv_medium@64

The number after @ is the size of the images, by default 224. The running statistics of every batch
normalization are drawn around those that the drawn network has, so that signals stay of order one.
"""

import json
import pathlib
import sys

import numpy as np
import timm
import torch

from tests.golden import recipe

NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
CLASSES = 1000


def role(name, shape, modules):
    """Returns how a tensor is drawn."""
    module, _, suffix = name.rpartition(".")
    counted = {
        "num_batches_tracked": "bn_count",
        "running_mean": "bn_mean",
        "running_var": "bn_var",
    }
    if suffix in counted:
        return counted[suffix]
    if isinstance(modules[module], NORMS):
        return "bn_gamma" if suffix == "weight" else "bn_beta"
    return "bias" if suffix == "bias" else {4: "conv", 2: "linear"}[len(shape)]


def load(model, case):
    values = recipe.state_dict(case)
    model.load_state_dict({name: torch.as_tensor(value) for name, value in values.items()})


def draw_statistics(model, case):
    """Adds to every batch normalization of a case the mean and the variance of its input."""
    tensors = {tensor["name"]: tensor for tensor in case["tensors"]}

    def before(name):
        def hook(norm, inputs):
            statistics = float(inputs[0].mean()), float(inputs[0].var()) + 1e-3
            for suffix in ("running_mean", "running_var"):
                tensor = tensors[f"{name}.{suffix}"]
                tensor["bn"] = [round(number, 5) for number in statistics]
                getattr(norm, suffix).data = torch.as_tensor(recipe.draw(**tensor))

        return hook

    hooks = [
        module.register_forward_pre_hook(before(name))
        for name, module in model.named_modules()
        if isinstance(module, NORMS)
    ]
    model(torch.as_tensor(recipe.image(case, "blocky")))
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def make(name, size):
    model = timm.create_model(name, pretrained=False, num_classes=CLASSES).eval()
    modules = dict(model.named_modules())
    case = {
        "model": f"timm {name}",
        "build": {"name": name},
        "implementation": f"timm {timm.__version__}",
        "classes": CLASSES,
        "input_size": size,
        "tolerance": 1e-4,
        "trainable_params": sum(parameter.numel() for parameter in model.parameters()),
        "tensors": [
            {"name": tensor, "shape": list(value.shape), "role": role(tensor, value.shape, modules)}
            for tensor, value in model.state_dict().items()
        ],
    }
    load(model, case)
    draw_statistics(model, case)
    load(model, case)
    logits = {
        kind: model(torch.as_tensor(recipe.image(case, kind))).numpy()
        for kind in ("white", "blocky")
    }
    path = pathlib.Path(__file__).with_name(f"timm_{name}.json")
    rows = ",\n  ".join(json.dumps(tensor) for tensor in case.pop("tensors"))
    path.write_text(json.dumps(case, indent=1)[:-2] + f',\n "tensors": [\n  {rows}\n ]\n}}\n')
    np.savez_compressed(path.with_suffix(".npz"), **logits)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        model_name, _, pixels = argument.partition("@")
        make(model_name, int(pixels or 224))
