"""Makes the PyTorch fixtures beside this file; run with PyTorch 2.13.

python tests/weights/files/make_torch_files.py
"""

import pathlib

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).parent


def main():
    torch.manual_seed(0)
    base = torch.randn(4, 3, 2)
    tensors = {
        "plain": base,
        "transposed": base.permute(2, 0, 1),
        "row_of_the_same_storage": base[1],
        "every_second": torch.arange(10.0)[1::2],
        "channels_last": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.randn(3, 2)),
        "half": base.half(),
        "bfloat16": base.bfloat16(),
        "double": torch.randn(5).double(),
        "long": torch.tensor([1, -(2**40)]),
        "int": torch.tensor([1, -2], dtype=torch.int32),
        "short": torch.tensor([1, -2], dtype=torch.int16),
        "char": torch.tensor([1, -2], dtype=torch.int8),
        "byte": torch.tensor([1, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
    }
    # what a module saves carries notes on its version
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = module.state_dict()
    state.update(tensors)
    parallel = {f"module.{name}": value for name, value in state.items()}
    nested = {"epoch": 3, "accuracy": 0.5, "state_dict": parallel, "optimizer": {"step": base[0]}}
    for name, content in {"state": state, "nested": nested}.items():
        for container, zipped in {"zip": True, "legacy": False}.items():
            torch.save(
                content,
                FOLDER / f"torch_{name}_{container}.pth",
                _use_new_zipfile_serialization=zipped,
            )
    expected = {
        name: (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
        for name, value in state.items()
    }
    np.savez_compressed(FOLDER / "torch_expected.npz", **expected)


if __name__ == "__main__":
    main()
