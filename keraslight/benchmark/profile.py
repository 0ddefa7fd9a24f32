"""Profiles the operators of .tflite files on this machine."""

import os
import pathlib
import tempfile
from collections.abc import Sequence

from keraslight.benchmark.phone.adb import PhoneError
from keraslight.benchmark.phone.report_parser import ReportError, parse_profile
from keraslight.benchmark.phone.session import run_profile
from keraslight.benchmark.phone.this_machine import ThisMachine
from keraslight.benchmark.phone.tool import CommandLineTool
from keraslight.benchmark.report import TimingReport
from keraslight.benchmark.results import Case
from keraslight.tflite.model_file import ModelFile


def profile_here(
    report: TimingReport,
    cases: Sequence[tuple[Case, ModelFile]],
    benchmark_binary: str | os.PathLike,
    seconds: float,
) -> None:
    """Adds a profile to every measurement, or a warning that says why there is none.

    LiteRT in Python gives no profile, so this runs a benchmark_model that was built for this
    machine.

    Args:
        report: what was timed on this machine.
        cases: pairs of a `Case` and its file.
        benchmark_binary: path of the benchmark_model executable.
        seconds: float, after which a run is ended.
    """
    paths = {case: str(model.path.resolve()) for case, model in cases}
    with tempfile.TemporaryDirectory() as folder:
        tool = CommandLineTool(ThisMachine(), folder, pathlib.Path(benchmark_binary).resolve())
        for measurement in report.measurements:
            case = measurement.case
            try:
                measurement.profile = parse_profile(run_profile(tool, paths[case], case, seconds))
            except (PhoneError, ReportError) as error:
                report.warnings.append(f"{case} has no profile: {error}")
