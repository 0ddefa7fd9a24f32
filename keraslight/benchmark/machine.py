"""What a benchmark needs of this machine: its facts, its load, its memory, how fast it copies."""

import importlib.metadata
import os
import pathlib
import platform
import time

import numpy as np

from keraslight import machine
from keraslight.machine import kind, processor, read_text

__all__ = [
    "copy_bandwidth",
    "facts",
    "kind",
    "others_seconds",
    "peak_memory",
    "pin",
    "processor",
    "reset_peak_memory",
    "runtime",
]


def facts() -> dict:
    """Returns what a latency depends on: the processor, its governor, the runtime."""
    found = machine.facts()
    return {
        "kind": "desktop",
        "name": found.pop("processor"),
        **found,
        "python": platform.python_version(),
        "runtime": runtime(),
    }


def runtime() -> str:
    """Returns the name and the version of the LiteRT package, which may be a nightly one."""
    name = importlib.metadata.packages_distributions()["ai_edge_litert"][0]
    return f"{name} {importlib.metadata.version(name)}"


def others_seconds() -> float | None:
    """Returns the processor time of all other processes since the start; `None` if not known.

    The share of it in a span of time tells how busy the machine was with something else.
    """
    line = (read_text(pathlib.Path("/proc/stat")) or "").partition("\n")[0].split()
    if line[:1] != ["cpu"]:
        return None
    user, nice, system, _, _, irq, softirq, steal = (int(ticks) for ticks in line[1:9])
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return busy - time.process_time()


def pin(cpus: list[int]) -> None:
    """Lets this process and its threads run on these processors only.

    Raises:
        ValueError: if the system cannot or the processors are not there.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError(f"Processes can be pinned on Linux only. Received: {platform.system()}")
    try:
        os.sched_setaffinity(0, cpus)
    except OSError as error:
        there = sorted(os.sched_getaffinity(0))
        raise ValueError(f"There are the processors {there}. Received: {cpus}") from error


def peak_memory() -> int | None:
    """Returns the most memory this process has had resident, in bytes; `None` if not known."""
    return _status("VmHWM")


def reset_peak_memory() -> int | None:
    """Begins anew to watch for the peak; returns the bytes this process has resident now."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _status("VmHWM")
    return _status("VmRSS")


def _status(key):
    for line in (read_text(pathlib.Path("/proc/self/status")) or "").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return None


def copy_bandwidth(size: int = 2 << 20, repeats: int = 200) -> float:
    """Measures how many bytes a second are read and written, between arrays the caches hold."""
    source, target = np.ones(size, "uint8"), np.empty(size, "uint8")
    best = min(_seconds(lambda: np.copyto(target, source)) for _ in range(repeats))
    return 2 * size / best


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
