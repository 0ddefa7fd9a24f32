"""Times .tflite files on a phone, round by round."""

import contextlib
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from keraslight.benchmark.phone import device
from keraslight.benchmark.phone.adb import Phone, PhoneError, PhoneLost
from keraslight.benchmark.phone.report_parser import ReportError, parse_profile, parse_report
from keraslight.benchmark.phone.tool import AppTool, CommandLineTool, installed_app, phone_folder
from keraslight.benchmark.report import TimingReport
from keraslight.benchmark.results import Case, Measurement, noise_warnings
from keraslight.tflite.model_file import ModelFile

POLL_SECONDS = 5
PROFILE_FILE = "profile.csv"


@dataclass(frozen=True)
class PhoneSettings:
    """How files are timed on a phone.

    Attributes:
        rounds: int, how often each case is visited.
        runs: int, the least number of inferences of a visit.
        cpus: str, the processors to run on, see `device.mask`.
        cool_down: float, the seconds of rest between two rounds.
        longest_cool_down: float, the seconds to wait at most for a phone that has become hot.
        timeout: float, the seconds after which a run is ended.
        profile: bool, whether to profile the operators, in a run of their own.
        app: bool, whether the app runs it, not the command-line tool.
        libraries: paths of shared libraries that the command-line tool loads, as for its GPU.

    Example:
    ```python
    settings = keraslight.benchmark.PhoneSettings(rounds=3, cpus="prime", cool_down=30.0)
    ```
    """

    rounds: int = 5
    runs: int = 50
    cpus: str = "big"
    cool_down: float = 10.0
    longest_cool_down: float = 120.0
    timeout: float = 300.0
    profile: bool = False
    app: bool = False
    libraries: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("rounds", "runs", "timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"`{name}` must be greater than 0. Received: {name}={getattr(self, name)}"
                )
        if not 0 <= self.cool_down < math.inf:
            raise ValueError(
                f"`cool_down` must be 0 or more seconds. Received: cool_down={self.cool_down}"
            )


def time_on_phone(
    phone: Phone,
    cases: Sequence[tuple[Case, ModelFile]],
    settings: PhoneSettings,
    tool: str | os.PathLike,
    show: Callable[[str], None] = lambda text: None,
    save: Callable[[TimingReport], object] = lambda report: None,
) -> TimingReport:
    """Times every case in every round. What was measured before an error is kept.

    Args:
        phone: the phone.
        cases: pairs of a `Case` and its file.
        settings: how.
        tool: path of the benchmark_model executable or app on this machine.
        show: called with a line of progress.
        save: called with what was measured so far, whenever a file was visited.

    Returns:
        A `TimingReport`, with its `error` if the phone was lost, or stopped answering, on the way.

    Raises:
        PhoneError: if nothing could be measured at all.
    """
    facts = device.facts(phone)
    mask = None if settings.app else device.mask(settings.cpus, _cpus(facts))
    models = list(dict.fromkeys(model for _, model in cases))
    report = TimingReport(
        models,
        facts,
        {**asdict(settings), "mask": mask, "before": device.state(phone), "after": None},
        [Measurement(case) for case, _ in cases],
        ["Android chose the processors: an app cannot be bound to some"] * settings.app,
    )
    with phone_folder(phone, show) as folder, contextlib.ExitStack() as stack:
        names = {model: f"model{number}.tflite" for number, model in enumerate(models)}
        for model, name in names.items():
            show(f"copying {model.path.name}")
            phone.push(model.path, f"{folder}/{name}")
        if settings.app:
            stack.enter_context(installed_app(phone, tool, show))
            program = AppTool(phone, folder)
        else:
            program = CommandLineTool(phone, folder, tool, mask, settings.libraries)
        session = _Session(phone, program, settings, report, show, save)
        graphs = [names[model] for _, model in cases]
        try:
            session.time(graphs)
            if settings.profile:
                session.profile(graphs)
            report.settings["after"] = device.state(phone)
        except PhoneError as error:
            report.error = str(error)
            for measurement in report.measurements:
                measurement.error = measurement.error or str(error)
    report.warnings += noise_warnings(report.measurements)
    return report


def _cpus(facts):
    return [device.Cpu(**cpu) for cpu in facts["cpus"]]


class _Session:
    def __init__(self, phone, tool, settings, report, show, save):
        self.phone, self.tool, self.settings = phone, tool, settings
        self.report, self.show, self.save = report, show, save

    def time(self, graphs):
        for number in range(self.settings.rounds):
            if number:
                self.cool_down()
            for measurement, graph in zip(self.report.measurements, graphs, strict=True):
                if measurement.error is None:
                    self.show(f"round {number + 1} of {self.settings.rounds}: {measurement.case}")
                    self.visit(measurement, graph)
                    self.save(self.report)

    def visit(self, measurement, graph):
        try:
            text = self.tool.run(
                graph, measurement.case, self.settings.timeout, num_runs=self.settings.runs
            )
            report = parse_report(text)
        except PhoneLost:
            raise
        except (PhoneError, ReportError) as error:
            measurement.error = str(error)
            return
        if not measurement.rounds:
            measurement.init_ms, measurement.first_ms = report.init_ms, report.first_ms
            measurement.peak_memory_mb = report.peak_memory_mb
            measurement.facts = {"delegates": report.delegates, "nodes": report.nodes}
            self.report.warnings += [
                f"{measurement.case}: the {name} delegate runs the model {share}"
                for name, share in report.delegates.items()
                if share != "completely"
            ]
        measurement.rounds.append(report.round)

    def profile(self, graphs):
        for measurement, graph in zip(self.report.measurements, graphs, strict=True):
            if measurement.error is not None:
                continue
            self.show(f"profiling {measurement.case}")
            try:
                text = run_profile(self.tool, graph, measurement.case, self.settings.timeout)
                measurement.profile = parse_profile(text)
            except PhoneLost:
                raise
            except (PhoneError, ReportError) as error:
                self.report.warnings.append(f"{measurement.case} has no profile: {error}")

    def cool_down(self):
        """Rests, and goes on resting while the phone is hotter than at the start."""
        if not self.settings.cool_down:
            return
        self.show(f"resting {self.settings.cool_down:.0f} s")
        time.sleep(self.settings.cool_down)
        end = time.monotonic() + self.settings.longest_cool_down
        while device.is_hotter(device.state(self.phone), self.report.settings["before"]):
            if time.monotonic() > end:
                self.report.warnings.append("the phone stayed hot: later rounds are slower")
                return
            self.show("the phone is hot; resting")
            time.sleep(POLL_SECONDS)


def run_profile(tool: CommandLineTool | AppTool, graph: str, case: Case, seconds: float) -> str:
    """Returns the profile of a model as the build at hand gives it: in a file or in its output."""
    file = f"{tool.folder}/{PROFILE_FILE}"
    text = tool.run(
        graph,
        case,
        seconds,
        enable_op_profiling="true",
        op_profiling_output_mode="csv",
        op_profiling_output_file=file,
        profiling_output_csv_file=file,
        use_profiler="true",
    )
    written = tool.phone.shell(f"cat {file} && rm {file}")
    return text if written.status else written.text
