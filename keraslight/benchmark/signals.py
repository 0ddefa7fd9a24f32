"""Lets a program that is told to stop clean up first."""

import contextlib
import signal
import threading
from collections.abc import Iterator

# SIGHUP, which a closed terminal sends, is missing on Windows
STOPPING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)
]


@contextlib.contextmanager
def stop_as_interrupt() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP raise a `KeyboardInterrupt`, as Ctrl-C does.

    So `finally` blocks run. A signal that the process ignores, as SIGHUP under nohup, stays
    ignored. Outside the main thread, which alone gets signals, this does nothing.
    """
    with _handlers(signal.default_int_handler):
        yield


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Lets no signal interrupt the block; one that came is raised as an interrupt at its end."""
    came = []
    with _handlers(lambda number, frame: came.append(number)):
        yield
    if came:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _handlers(handler):
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # None: a handler that Python did not install
    before = {
        number: old
        for number in STOPPING
        if (old := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
