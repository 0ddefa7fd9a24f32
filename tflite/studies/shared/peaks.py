"""The most this machine does in a second, and the least time that a file needs because of it.

A file cannot be faster than its multiply-adds at the peak of their kind of kernel, nor than its
traffic at the peak bandwidth:

    bound = max(sum over kinds of multiply-adds / peak of the kind, traffic / bandwidth)

The two overlap in a processor, so that their sum would be no bound. Peaks are measured, as the best
over several shapes and repetitions, on one thread. A file that beats its bound shows that the
measured peaks are too low.
"""

import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import keras

import keraslight
from keraslight.benchmark import machine
from keraslight.tflite.model_file import ModelFile, Operator
from keraslight.tflite.runner import LiteRTSession
from tflite.studies.shared.files import write_int8

L = keras.layers
ARITHMETIC = ("float", "int8")
REPEATS = 30


def _chain(shape, *layers):
    """Returns a function that builds a model of layers in a row.

    A row, so that what each run of a file costs in any case does not count.
    """

    def build():
        start = x = keras.Input(shape)
        for layer, arguments in layers:
            x = layer(*arguments, padding="same", bias_initializer="ones")(x)
        return keras.Model(start, x)

    return build


def _dense():
    start = x = keras.Input((256,))
    for _ in range(8):
        x = L.Dense(256, bias_initializer="ones")(x)
    return keras.Model(start, x)


# for each kind of kernel, networks of which the fastest gives the peak
SHAPES: dict[str, tuple[Callable[[], keras.Model], ...]] = {
    "pointwise": (
        _chain((28, 28, 256), (L.Conv2D, (256, 1)), (L.Conv2D, (256, 1))),
        _chain((28, 28, 512), (L.Conv2D, (512, 1))),
    ),
    "spatial": (
        _chain((28, 28, 64), (L.Conv2D, (64, 3)), (L.Conv2D, (64, 3))),
        _chain((14, 14, 256), (L.Conv2D, (256, 3))),
    ),
    "depthwise": (
        _chain((14, 14, 256), *[(L.DepthwiseConv2D, (3,))] * 4),
        _chain((14, 14, 256), *[(L.DepthwiseConv2D, (5,))] * 4),
    ),
    "dense": (_dense,),
}


@dataclass(frozen=True)
class Peaks:
    """The most this machine does in a second on one thread.

    Attributes:
        macs: dict of dicts: multiply-adds by arithmetic (`"float"` or `"int8"`) and by kind of
            kernel: `"pointwise"`, `"spatial"`, `"depthwise"` or `"dense"`.
        bytes: float, read and written.
    """

    macs: dict[str, dict[str, float]]
    bytes: float

    def to_dict(self) -> dict:
        """Returns the peaks for a result in JSON."""
        return {"macs": self.macs, "bytes": self.bytes}

    def bound_ms(self, model: ModelFile, arithmetic: str) -> float:
        """Returns the least time that a file needs, in milliseconds.

        Args:
            model: the file.
            arithmetic: `"float"` or `"int8"`.
        """
        peaks = self.macs[arithmetic]
        compute = sum(op.macs / peaks[kind_of(op)] for op in model.operators if op.macs)
        return 1e3 * max(compute, model.traffic / self.bytes)


def kind_of(operator: Operator) -> str:
    """Returns the kind of kernel of an operator that multiplies."""
    if operator.kind == "FULLY_CONNECTED":
        return "dense"
    if operator.kind == "DEPTHWISE_CONV_2D":
        return "depthwise"
    return "pointwise" if operator.window == (1, 1) else "spatial"


def measure_peaks(folder: pathlib.Path, repeats: int = REPEATS) -> Peaks:
    """Measures the peaks of this machine.

    Args:
        folder: folder of the files that are timed, which are taken as they are if they are there.
        repeats: int, how often each is run; the fastest counts.
    """
    macs = {arithmetic: {} for arithmetic in ARITHMETIC}
    for kind, builders in SHAPES.items():
        for number, build in enumerate(builders):
            for arithmetic in ARITHMETIC:
                path = folder / f"peak_{kind}{number}_{arithmetic}.tflite"
                if not path.is_file():
                    _write(build(), arithmetic, path)
                seconds = LiteRTSession(path).latencies(repeats).min()
                rate = float(ModelFile(path).macs / seconds)
                macs[arithmetic][kind] = max(rate, macs[arithmetic].get(kind, 0))
    sizes = [1 << power for power in range(15, 23)]
    bandwidth = max(machine.copy_bandwidth(size, repeats) for size in sizes)
    return Peaks(macs, float(bandwidth))


def _write(model, arithmetic, path):
    if arithmetic == "float":
        keraslight.export_tflite(model, path)
    else:
        write_int8(model, path)


def highest(first: Peaks, second: Peaks) -> Peaks:
    """Returns the higher of each of two measured peaks, as before and after a long run."""
    return Peaks(
        {
            arithmetic: {
                kind: max(rate, second.macs[arithmetic][kind]) for kind, rate in kinds.items()
            }
            for arithmetic, kinds in first.macs.items()
        },
        max(first.bytes, second.bytes),
    )


def bound_warnings(bounds: dict[str, tuple[float, float]]) -> list[str]:
    """Returns a warning for every file that was faster than it can be.

    Args:
        bounds: dict from names of files to pairs of the latency and the bound, in milliseconds.
    """
    return [
        f"{name} beats its bound: {latency:.3f} ms, {latency / bound:.2f} of it. The peaks "
        "measured here are too low; do not read its distance from the bound"
        for name, (latency, bound) in bounds.items()
        if latency < bound
    ]
