"""Times .tflite files on this machine, all in one run, round by round."""

import concurrent.futures
import gc
import importlib
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence

import numpy as np

from keraslight.benchmark import machine
from keraslight.benchmark.report import TimingReport
from keraslight.benchmark.results import Case, Measurement, Round, noise_warnings
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import LiteRTSession

DELEGATES = ("xnnpack", "none")
VISIT_SECONDS = 0.3
FEWEST_RUNS = 5
WARMUP_RUNS = 3
# a machine is called busy if other processes take more than this share of its processors' time
BUSY_SHARE = 0.05


def time_here(
    cases: Sequence[tuple[Case, ModelFile]],
    rounds: int = 5,
    runs: int | None = None,
    show: Callable[[str], None] = lambda text: None,
    save: Callable[[TimingReport], object] = lambda report: None,
    start: bool = True,
) -> TimingReport:
    """Times every case in every round, so that a drift of the machine affects all alike.

    Args:
        cases: pairs of a `Case` and its file.
        rounds: int, how often each case is visited.
        runs: optional int, how many inferences a visit has. Defaults to as many as fit in 0.3 s.
        show: called with a line of progress.
        save: called with what was measured so far, after each round.
        start: bool, whether to measure the loading, the first inference and the memory of each
            case, too, in a process of its own.

    Raises:
        ValueError: if a file cannot be run.
    """
    models = list(dict.fromkeys(model for _, model in cases))
    report = TimingReport(models, machine.facts(), {"rounds": rounds, "runs": runs}, [])
    sessions = []
    for case, model in cases:
        show(f"loading {case}")
        path = str(model.path)
        once = _in_fresh_process(_probe, path, case) if start else {}
        report.measurements.append(Measurement(case, **once))
        sessions.append(LiteRTSession(path, case.threads, case.delegate == "xnnpack"))
        if sessions[-1].dynamic_batch:
            report.warnings.append(f"{path} leaves the batch open; it was timed with 1")
    visit_runs = [runs or _runs_in_a_visit(session) for session in sessions]
    others, began = machine.others_seconds(), time.monotonic()
    for number in range(rounds):
        show(f"round {number + 1} of {rounds}")
        for measurement, session, count in zip(
            report.measurements, sessions, visit_runs, strict=True
        ):
            measurement.rounds.append(_visit(session, count))
        save(report)
    if others is not None:
        span = os.cpu_count() * (time.monotonic() - began)
        share = (machine.others_seconds() - others) / span
        if share > BUSY_SHARE:
            report.warnings.append(
                f"busy: other processes took {share:.0%} of the processors meanwhile"
            )
    report.warnings += noise_warnings(report.measurements)
    return report


def _runs_in_a_visit(session):
    seconds = np.median(session.latencies(FEWEST_RUNS, WARMUP_RUNS))
    return max(FEWEST_RUNS, round(VISIT_SECONDS / seconds))


def _visit(session, runs):
    gc.collect()
    gc.disable()
    try:
        milliseconds = session.latencies(runs, WARMUP_RUNS) * 1e3
    finally:
        gc.enable()
    return Round.of(milliseconds)


def _in_fresh_process(function, *arguments):
    """Calls a function in a process of its own, whose memory nothing else has used."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()


def _probe(path, case):
    """Measures what happens once: loading, the first inference, the memory it takes."""
    importlib.import_module("ai_edge_litert.interpreter")  # its time and memory are not the file's
    before = machine.reset_peak_memory()
    start = time.perf_counter()
    session = LiteRTSession(path, case.threads, case.delegate == "xnnpack")
    loaded = time.perf_counter()
    first = session.latencies(1, 0)[0]
    after = machine.peak_memory()
    facts = {}
    if case.delegate == "xnnpack":
        facts["operators_outside_delegate"] = session.operators_outside_delegate()
    return {
        "init_ms": (loaded - start) * 1e3,
        "first_ms": float(first) * 1e3,
        "peak_memory_mb": None if after is None else (after - before) / 1e6,
        "facts": facts,
    }
