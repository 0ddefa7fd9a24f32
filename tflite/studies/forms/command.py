"""Builds the networks in both forms, times them and writes the ratios."""

import os
import pathlib
from collections.abc import Sequence

import click
import numpy as np

import keraslight
from keraslight.benchmark import Case, machine
from keraslight.benchmark.desktop import time_here
from keraslight.benchmark.report import ResultFile
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.conversion.noise import settle
from keraslight.tflite.model_file import ModelFile
from tflite.studies.forms import networks
from tflite.studies.forms.networks import GOALS, KINDS, Goal
from tflite.studies.forms.table import forms_table
from tflite.studies.shared import options as study_options
from tflite.studies.shared.by_tensorflow import write_by_tensorflow, write_int8_by_tensorflow
from tflite.studies.shared.files import publish, result_path, slug, write_int8
from tflite.studies.shared.peaks import bound_warnings, highest, measure_peaks


@click.command(
    "forms",
    cls=Command,
    examples=["python -m tflite.benchmark --suite=forms --rounds=5 --json=forms.json"],
)
@study_options.suite_dir
@options.threads
@study_options.rounds
@study_options.json_file
def command(suite_dir, threads, rounds, json_file):
    """Times keraslight's networks as built beside their fused forms, on this machine."""
    run_suite(suite_dir, threads, rounds, json_file)


def run_suite(
    folder: str | os.PathLike,
    threads: Sequence[int] = (1,),
    rounds: int = 5,
    json_file: str | os.PathLike | None = None,
    goals: Sequence[Goal] = GOALS,
) -> dict:
    """Builds what is not there yet, times all in one run, writes the ratios.

    Args:
        folder: folder of the .tflite files, which are taken as they are if they are there.
        threads: numbers of threads.
        rounds: int, how often each file is visited.
        json_file: file of the result; a table goes beside it, as Markdown. Defaults to
            forms_<processor>_<kind>.json in the folder.
        goals: list of `Goal`.

    Returns:
        The result, as it is written.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    goals = [goal for goal in goals if goal.kinds]
    wanted = dict.fromkeys(
        (*end, kind) for goal in goals for kind in goal.kinds for end in (goal.file, goal.reference)
    )
    paths = {key: folder / f"{slug('_'.join(key))}.tflite" for key in wanted}
    path = result_path(json_file, folder, "forms", machine.processor(), machine.kind())
    _build(paths)
    models = {key: _model(file, key) for key, file in paths.items()}
    result_file = ResultFile(path, list(models.values()))
    note("measuring the peaks of this machine")
    peaks = measure_peaks(folder)
    cases = {(key, count): Case(" ".join(key), count) for count in threads for key in paths}
    report = time_here(
        [(case, models[key]) for (key, _), case in cases.items()],
        rounds,
        show=note,
        save=lambda report: result_file.save([report]),
        start=False,
    )
    peaks = highest(peaks, measure_peaks(folder))
    found = dict(zip(cases, report.measurements, strict=True))
    bounds = {key: peaks.bound_ms(model, key[-1]) for key, model in models.items()}
    figures = [
        _figure(goal, most, kind, count, found, bounds)
        for count in threads
        for goal in goals
        for kind, most in zip(KINDS, goal.goals, strict=True)
        if kind in goal.kinds
    ]
    report.warnings += bound_warnings(
        {
            " ".join(key): (found[key, 1].latency_ms, bounds[key])
            for key in paths
            if (key, 1) in found
        }
    )
    result = result_file.save([report], complete=True, peaks=peaks.to_dict(), figures=figures)
    publish(result, forms_table(result), path)
    return result


def _model(path, key):
    model = ModelFile(path)
    model.name = " ".join(key)
    return model


def _figure(goal, most, kind, count, found, bounds):
    """Returns a ratio beside its goal, and how far the file is from its bound on one thread."""
    file, reference = (*goal.file, kind), (*goal.reference, kind)
    latency = found[file, count].latency_ms
    return {
        "file": " ".join(file),
        "reference": " ".join(reference),
        "threads": count,
        "policy": networks.form_of(*goal.file, kind),
        "ratio": found[file, count].ratio(found[reference, count]),
        "goal": most if count == 1 else None,
        "median_ms": latency,
        "bound_ms": bounds[file],
        "over_bound": latency / bounds[file] if count == 1 else None,
    }


def _build(paths):
    """Writes the files that are not there."""
    noise = np.random.default_rng(1).normal(0, 1, (2, *networks.SHAPE)).astype("float32")
    models = {}
    for (network, form, kind), path in paths.items():
        if path.is_file():
            note(f"taking {path.name} as an earlier run left it")
            continue
        note(f"building {path.name}")
        if network not in models:
            models = {network: settle(networks.NETWORKS[network]())}
        model = models[network]
        if form == "plain" and kind == "float":
            write_by_tensorflow(model, path)
        elif form == "plain":
            write_int8_by_tensorflow(model, path, noise)
        else:
            fused = keraslight.fuse(model, target=networks.policy_of(form, kind))
            keraslight.export_tflite(fused, path) if kind == "float" else write_int8(fused, path)
