"""Times .tflite files here or on a phone: the function behind `keraslight benchmark`."""

import os
from collections.abc import Callable, Sequence

from keraslight.benchmark import desktop
from keraslight.benchmark.phone import tool
from keraslight.benchmark.phone.adb import Phone
from keraslight.benchmark.phone.binary import benchmark_tool
from keraslight.benchmark.phone.session import PhoneSettings, time_on_phone
from keraslight.benchmark.report import TimingReport, cases_of
from keraslight.tflite.model_file import ModelFile


def time_files(
    files: Sequence[str | os.PathLike | ModelFile],
    threads: Sequence[int] = (1,),
    delegates: Sequence[str] = ("xnnpack",),
    rounds: int = 5,
    runs: int | None = None,
    phone: Phone | None = None,
    phone_settings: PhoneSettings | None = None,
    benchmark_binary: str | os.PathLike | None = None,
    show: Callable[[str], None] = lambda text: None,
    save: Callable[[TimingReport], object] = lambda report: None,
) -> TimingReport:
    """Times .tflite files in one run, round by round, on this machine or on a phone.

    Every file is visited in every round, so that a drift of the device affects all alike. Ratios
    are taken within a round, to the first file at the same number of threads and with the same
    delegate.

    Args:
        files: paths of the files, or `ModelFile` objects.
        threads: numbers of threads.
        delegates: names of delegates: `"xnnpack"` or `"none"`; on a phone also `"gpu"` and
            `"nnapi"`.
        rounds: int, how often each file is visited. A phone's are in `phone_settings`.
        runs: optional int, how many inferences a visit has. Defaults to as many as fit in 0.3 s.
            A phone's are in `phone_settings`.
        phone: optional `Phone` to time on. Defaults to this machine.
        phone_settings: optional `PhoneSettings`.
        benchmark_binary: optional path of the benchmark_model executable or app for the phone. By
            default it is downloaded once.
        show: called with a line of progress.
        save: called with what was measured so far, after each round.

    Returns:
        A `TimingReport`.

    Raises:
        PhoneError: if nothing could be measured on the phone.
        ValueError: if a file cannot be run or an argument is wrong.

    Example:
    ```python
    report = keraslight.benchmark.time_files(["float.tflite", "int8.tflite"], threads=[1, 2])
    print(report)
    ```
    """
    known = desktop.DELEGATES if phone is None else tool.DELEGATES
    if not delegates or not set(delegates) <= set(known):
        place = "here" if phone is None else "on a phone"
        raise ValueError(f"`delegates` must be of {known} {place}. Received: {tuple(delegates)}")
    if not threads or min(threads) < 1:
        raise ValueError(f"`threads` must be positive numbers. Received: threads={tuple(threads)}")
    models = [file if isinstance(file, ModelFile) else ModelFile(file) for file in files]
    if not models:
        raise ValueError(f"There must be a file to time. Received: files={files!r}")
    cases = cases_of(models, threads, delegates)
    if phone is None:
        for name, value in (("rounds", rounds), ("runs", runs)):
            if value is not None and value < 1:
                raise ValueError(f"`{name}` must be positive. Received: {name}={value}")
        return desktop.time_here(cases, rounds, runs, show, save)
    settings = phone_settings or PhoneSettings()
    binary = benchmark_tool(phone, benchmark_binary, app=settings.app)
    return time_on_phone(phone, cases, settings, binary, show, save)
