"""One model fused by several policies, as files to be timed."""

import hashlib
import pathlib

import keraslight
from keraslight.commands import program
from keraslight.conversion import noise
from keraslight.graph.policy import Policy
from keraslight.tflite.model_file import ModelFile


def gains(figures: list[dict], gain: float) -> dict[str, str]:
    """Returns the fastest form of every choice that gains enough.

    Args:
        figures: list of dicts: the `choice`, its `form`, and the `ratio` of its time.
        gain: float, what it must gain, as a share.
    """
    best = {}
    for figure in sorted(figures, key=lambda figure: figure["ratio"]):
        if figure["ratio"] < 1 - gain:
            best.setdefault(figure["choice"], figure["form"])
    return best


class PolicyFiles:
    """Writes a model fused by several policies; policies that make the same file share it."""

    def __init__(self, model, quantization: str, folder: pathlib.Path):
        self.model = model
        self.quantization = quantization
        self.folder = folder
        self.by_policy: dict[Policy, ModelFile] = {}
        self.by_content: dict[str, ModelFile] = {}

    def write(self, policy: Policy) -> ModelFile:
        """Returns the file of a policy."""
        if policy not in self.by_policy:
            number = len(self.by_policy)
            program.note(f"writing {number}: {policy}")
            path = self.folder / f"policy{number}.tflite"
            fused = self.model.fuse(target=policy)
            if self.quantization == "int8":
                quantized = keraslight.quantize_model(fused)
                noise.calibrate(quantized)
                keraslight.export_tflite(quantized, path)
            else:
                quantization = None if self.quantization == "none" else self.quantization
                keraslight.export_tflite(fused, path, quantization)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self.by_policy[policy] = self.by_content.setdefault(digest, ModelFile(path))
        return self.by_policy[policy]
