"""Loads checkpoints with the tensor names of the official implementations."""

import os

import numpy as np

from keraslight.weights.igcv3_names import igcv3_tensors
from keraslight.weights.readers import read_tensors
from keraslight.weights.repvgg_names import repvgg_tensors, timm_repvgg_tensors
from keraslight.weights.vgnet_names import vgnet_tensors

# for every family the ways its tensors are named
NAMINGS = {
    "igcv3": (igcv3_tensors,),
    "repvgg": (repvgg_tensors, timm_repvgg_tensors),
    "vgnet": (vgnet_tensors,),
}
STEP_COUNTER = "num_batches_tracked"


def load_checkpoint(model, path: str | os.PathLike) -> None:
    """Loads a checkpoint with official tensor names into a model.

    Either every tensor is loaded or, where one does not fit, none.

    Args:
        model: a `keraslight.LightModel` of a family with published weights.
        path: path of a .safetensors or .npz file with the tensors of the official implementation,
            in its layout.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read, or its tensors are not those of the model; the
            message names every missing, unexpected and misshaped tensor.

    Example:
    ```python
    model = keraslight.VGNetG("1.0mp")
    keraslight.load_checkpoint(model, "vgnetg_1_0mp.safetensors")
    ```
    """
    family = getattr(model, "architecture", {}).get("family")
    if family not in NAMINGS:
        raise ValueError(
            f"Checkpoints can be loaded into models of the families {sorted(NAMINGS)}, as "
            f"keraslight builds them. Received: model={model!r}"
        )
    values = {k: v for k, v in read_tensors(path).items() if not k.endswith(STEP_COUNTER)}
    maps = [naming(model) for naming in NAMINGS[family]]
    tensors = max(maps, key=lambda tensors: len(tensors.keys() & values.keys()))
    values = {name: v for name, v in values.items() if not name.startswith(tensors.unused)}
    _refuse_misfits(tensors, values, path)
    for name, entry in tensors.items():
        entry.variable.assign(entry.to_keras(values[name].astype("float32")))


def load_weights(model, weights) -> None:
    """Loads the constructor argument `weights`: nothing, or the path of a checkpoint."""
    if weights is not None:
        load_checkpoint(model, weights)


def _refuse_misfits(tensors, values, path):
    shapes = {
        name: (tuple(values[name].shape), entry.published_shape)
        for name, entry in tensors.items()
        if name in values
    }
    misfits = {
        "missing": sorted(tensors.keys() - values.keys()),
        "unexpected": sorted(values.keys() - tensors.keys()),
        "misshaped": [
            f"{name} {found} instead of {expected}"
            for name, (found, expected) in shapes.items()
            if found != expected
        ],
        "not finite": [name for name in shapes if not np.isfinite(values[name]).all()],
    }
    if any(misfits.values()):
        lines = [f"{kind}: {', '.join(names)}" for kind, names in misfits.items() if names]
        raise ValueError(
            "The checkpoint does not fit the model, which was left as it was.\n"
            + "\n".join(lines)
            + f"\nReceived: path='{path}'"
        )
