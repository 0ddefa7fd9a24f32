"""How runtimes round, one class each: a table from their names."""

from keraslight.quantization.runtimes.reference import Reference
from keraslight.quantization.runtimes.tflm import TFLM
from keraslight.quantization.runtimes.xnnpack import XNNPack
from keraslight.quantization.runtimes.xnnpack_arm import XNNPackOnArm

XNNPACK = XNNPack()
RUNTIMES = {runtime.name: runtime for runtime in (XNNPACK, XNNPackOnArm(), Reference(), TFLM())}
