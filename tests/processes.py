"""Runs many cases in processes that may crash."""

import multiprocessing
import time
from collections.abc import Callable


def run_all(target: Callable, count: int, *before, after: tuple = ()) -> dict:
    """Runs all cases; a crash costs a process, and the next one goes on.

    Args:
        target: called as `target(*before, first, number of cases, *after, current, connection)`. It
            sets `current.value` to each case before it runs it, and sends a dict with the numbers
            of those `read` and `refused`, a list of `failures`, and what else it found.
        count: int, how many cases there are.
        *before: arguments of the target.
        after: more arguments of it.

    Returns:
        The dict of the last process, with the failures of all and the `seconds` it took.
    """
    # forked, so that Keras is imported once: the NumPy backend has no threads
    context = multiprocessing.get_context("fork")
    total = {"files": count, "read": 0, "refused": 0, "failures": []}
    start, first = time.monotonic(), 0
    while first < count:
        receiver, sender = context.Pipe(duplex=False)
        current = context.Value("q", first)
        arguments = (*before, first, count - first, *after, current, sender)
        process = context.Process(target=target, args=arguments)
        process.start()
        sender.close()
        try:
            outcome = receiver.recv()
        except EOFError:
            process.join()
            total["failures"].append([current.value, f"exit code {process.exitcode}"])
            first = current.value + 1
            continue
        process.join()
        for key in ("read", "refused", "failures"):
            total[key] += outcome.pop(key)
        total.update(outcome)
        break
    return {**total, "seconds": round(time.monotonic() - start, 1)}
