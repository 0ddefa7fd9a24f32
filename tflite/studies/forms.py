"""What fusing is worth: our networks as they are built beside their fused forms, in one run.

Weights are random: what is timed is the structure. The int8 files of networks that are not fused
are by TensorFlow's converter, as their users would write them.
"""

import os
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

import keraslight
from keraslight.benchmark import desktop, machine
from keraslight.benchmark.results import Case, document, run_dict
from keraslight.commands import program
from keraslight.conversion.noise import settle
from keraslight.report import markdown_table
from keraslight.tflite.model_file import ModelFile
from tflite.studies.convert_by_tensorflow import write_by_tensorflow, write_int8_by_tensorflow
from tflite.studies.suite import floor_ms, machine_limits, publish, slug, write_int8

SIZE = 224
SHAPE = (SIZE, SIZE, 3)

NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "MobileNetV2": lambda: keras.applications.MobileNetV2(weights=None, input_shape=SHAPE),
    "VGNetG-1.0MP": lambda: keraslight.VGNetG("1.0mp", input_shape=SHAPE),
    "VGNetG-1.0MP norm before": lambda: keraslight.VGNetG(
        "1.0mp", norm_first=True, input_shape=SHAPE
    ),
    "VGNetG-2.0MP": lambda: keraslight.VGNetG("2.0mp", input_shape=SHAPE),
    "RepVGG-A0": lambda: keraslight.RepVGG("a0", input_shape=SHAPE),
    "IGCV3-D": lambda: keraslight.IGCV3("d", input_shape=SHAPE),
    "LightNet dense": lambda: keraslight.LightNet(spatial="repso", input_shape=SHAPE),
    "FalconNet": lambda: keraslight.FalconNet(input_shape=SHAPE),
}


@dataclass(frozen=True)
class Goal:
    """A ratio of two latencies at one thread, and what it should be at most.

    Attributes:
        file: the network and its form, `"plain"` as built or `"fused"`.
        reference: those of the file it is divided by.
        goals: the most for `"float"` and for `"int8"`; `None` for no goal.
    """

    file: tuple[str, str]
    reference: tuple[str, str]
    goals: tuple[float | None, float | None]


GOALS = (
    Goal(("VGNetG-1.0MP", "fused"), ("VGNetG-1.0MP", "plain"), (0.90, 0.70)),
    Goal(("VGNetG-1.0MP", "fused"), ("MobileNetV2", "fused"), (0.58, 0.57)),
    Goal(("VGNetG-2.0MP", "fused"), ("VGNetG-2.0MP", "plain"), (0.95, 0.78)),
    Goal(("RepVGG-A0", "fused"), ("RepVGG-A0", "plain"), (0.89, 0.80)),
    Goal(("IGCV3-D", "fused"), ("IGCV3-D", "plain"), (0.88, 0.55)),
    Goal(("FalconNet", "fused"), ("LightNet dense", "fused"), (0.48, 0.75)),
    Goal(("VGNetG-1.0MP norm before", "fused"), ("VGNetG-1.0MP", "fused"), (None, None)),
)
KINDS = ("float", "int8")
SLACK = 0.03


def run_suite(
    folder: str | os.PathLike,
    threads: Sequence[int] = (1,),
    rounds: int = 5,
    json_path: str | os.PathLike | None = None,
    goals: Sequence[Goal] = GOALS,
) -> dict:
    """Builds what is not there yet, times all in one run, writes the ratios.

    Args:
        folder: folder of the .tflite files, which are taken as they are if they are there.
        threads: numbers of threads.
        rounds: int, how often each file is visited.
        json_path: file of the result; a table goes beside it, as Markdown. Defaults to
            results/forms_<processor>.json.
        goals: list of `Goal`.

    Returns:
        The result, as it is written.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = dict.fromkeys(end for goal in goals for end in (goal.file, goal.reference))
    paths = {
        (*end, kind): folder / f"{slug('_'.join(end))}_{kind}.tflite"
        for end in wanted
        for kind in KINDS
    }
    _build(paths)
    limits = machine_limits(folder)
    cases = {(key, count): Case(" ".join(key), count) for count in threads for key in paths}
    measurements, warnings = desktop.measure(
        [(case, str(paths[key])) for (key, _), case in cases.items()], rounds, show=program.note
    )
    found = dict(zip(cases, measurements, strict=True))
    figures = [
        {
            "file": " ".join((*goal.file, kind)),
            "reference": " ".join((*goal.reference, kind)),
            "threads": count,
            "ratio": found[(*goal.file, kind), count].ratio(found[(*goal.reference, kind), count]),
            "goal": most if count == 1 else None,
            **_floor(found[(*goal.file, kind), count], paths[(*goal.file, kind)], kind, limits),
        }
        for count in threads
        for goal in goals
        for kind, most in zip(KINDS, goal.goals, strict=True)
    ]
    run = run_dict(machine.facts(), {"rounds": rounds}, measurements, warnings)
    models = [{**ModelFile(path).facts(), "name": " ".join(key)} for key, path in paths.items()]
    result = document(models, [run], limits=limits, figures=figures)
    publish(result, forms_table(result), json_path, "forms")
    return result


def _build(paths):
    """Writes the files that are not there."""
    noise = np.random.default_rng(1).normal(0, 1, (2, *SHAPE)).astype("float32")
    models = {}
    for (network, form, kind), path in paths.items():
        if path.is_file():
            program.note(f"taking {path.name} as an earlier run left it")
            continue
        program.note(f"building {path.name}")
        if network not in models:
            models = {network: settle(NETWORKS[network]())}
        model = models[network]
        if form == "plain" and kind == "float":
            write_by_tensorflow(model, path)
        elif form == "plain":
            write_int8_by_tensorflow(model, path, noise)
        elif kind == "float":
            keraslight.export_tflite(keraslight.fuse(model, target=kind), path)
        else:
            write_int8(keraslight.fuse(model, target=kind), path)


def _floor(measurement, path, kind, limits):
    """Returns the latency beside the time of its multiply-adds and traffic at the peaks."""
    floor = floor_ms(ModelFile(path), kind, limits)
    latency = measurement.latency_ms
    return {"median_ms": latency, "floor_ms": floor, "over_floor": latency / floor}


FORMATS = {"ratio": ".3f", "goal": ".2f", "ms": ".2f", "x floor": ".2f"}


def forms_table(result: dict) -> str:
    """Returns the ratios as Markdown."""
    device = result["runs"][0]["device"]
    lines = [
        f"Latency of one picture of {SIZE}x{SIZE} on {device['name']}, {device['runtime']}: "
        "medians of ratios within a round, all files in one interleaved run. The floor is the time "
        "of all multiply-adds and of all traffic at the peaks measured here. Ratios of two runs "
        f"differ by up to {SLACK:.0%}: what misses its goal by no more does so within noise.",
        "",
        markdown_table([_row(figure) for figure in result["figures"]], FORMATS, missing=""),
    ]
    if any(_met(figure) == "no" for figure in result["figures"]):
        lines += [
            "",
            "For what misses its goal, `results/forms_by_choice.md` has what was tried.",
        ]
    return "\n".join(lines)


def _row(figure):
    return {
        "file": figure["file"],
        "over": figure["reference"],
        "threads": figure["threads"],
        "ratio": figure["ratio"],
        "goal": figure["goal"],
        "met": _met(figure),
        "ms": figure["median_ms"],
        "x floor": figure["over_floor"],
    }


def _met(figure):
    """Returns what the table says of a goal."""
    ratio, goal = figure["ratio"], figure["goal"]
    if goal is None:
        return ""
    return "yes" if ratio <= goal else "within noise" if ratio <= goal * (1 + SLACK) else "no"
