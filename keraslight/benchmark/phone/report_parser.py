"""Reads what Android's benchmark_model tools print.

There are two tools of that name. The classic one ends with a line `Inference timings in us: ...`;
LiteRT's own ends with a block under `BENCHMARK RESULTS`, in ms. Both print a line of figures
`count=... avg=...` for the warm-up and for the run before. From an app it all comes through logcat.
"""

import math
import re
from dataclasses import dataclass, field

from keraslight.benchmark.results import Round

_NUMBER = r"[-+]?(?:nan|inf|[0-9.]+(?:e[-+]?[0-9]+)?)"
_PREFIX = re.compile(
    r"^(\d\d-\d\d [\d:.]+\s+\d+\s+\d+ [VDIWEF] \S+\s*: "  # logcat: date, process, thread, tag
    r"|[VDIWEF]/\S+\s*\([\s\d]+\): "  # logcat -v brief
    r"|\.\.\. \S+\s*: )?"  # as manuals shorten it
    r"((INFO|WARNING|ERROR|VERBOSE): )?"
    r"(\[[^\]\s]+:\d+\] )?"  # the line of the tool's source
)
_PAIRS = re.compile(rf"(\w+)=({_NUMBER})")
_TIMINGS = re.compile(rf"([A-Z][A-Za-z ]*(?:\(avg\))?): ({_NUMBER})")
_RESULT = re.compile(rf"^([A-Z][A-Za-z ()]+):\s+({_NUMBER}) ?(ms|MB)?")
_DELEGATE = re.compile(
    r"^(?:Explicitly applied (?P<name>\S+) delegate, and the model graph will be "
    r"(?P<share>completely|partially) executed by the delegate"
    r"|Though (?P<refused>\S+) delegate is explicitly applied, the model graph will not be)"
)
_REPLACING = re.compile(r"Replacing (\d+) out of (\d+) node\(s\) with delegate \((\S+?)\)")


class ReportError(ValueError):
    """The text is no benchmark's report."""


@dataclass
class Report:
    """What a run of benchmark_model printed. Milliseconds and MB; `None` was not printed.

    Attributes:
        round: the timed inferences.
        init_ms: float, until the file was ready to run.
        first_ms: float, the first inference.
        warmup_ms: float, the mean of the inferences that were not counted.
        peak_memory_mb: float: the peak where the tool watched it, else the growth of the footprint.
        delegates: dict from the name of a delegate to `"completely"`, `"partially"` or `"not"`.
        nodes: dict from a delegate to `[nodes it runs, nodes there are]`.
    """

    round: Round
    init_ms: float | None = None
    first_ms: float | None = None
    warmup_ms: float | None = None
    peak_memory_mb: float | None = None
    delegates: dict = field(default_factory=dict)
    nodes: dict = field(default_factory=dict)


def parse_report(text: str) -> Report:
    """Reads the report of either tool, from its output or from logcat.

    Raises:
        ReportError: if the text says that the benchmark failed, or has no latency that can be one.
    """
    try:
        return _parse_report(text)
    except ReportError:
        raise
    except ValueError as error:  # of float()
        raise ReportError(f"The benchmark's report cannot be read: {error}") from error


def _parse_report(text):
    lines = [_PREFIX.sub("", line.strip()) for line in text.splitlines()]
    failed = [line for line in lines if "Benchmarking failed" in line]
    if failed:
        raise ReportError(f"The benchmark says that it failed: {_last(lines)!r}")
    timings, results = _timings(lines), _results(lines)
    counts = [
        {key: float(value) for key, value in _PAIRS.findall(line)}
        for line in lines
        if line.startswith("count=")
    ]
    timed = _timed(counts, timings, results)
    if timed is None:
        raise ReportError(f"There is no latency in what the benchmark printed: {_last(lines)!r}")
    _require_latencies(timed)
    report = Report(
        round=timed,
        init_ms=_first(_thousandth(timings.get("Init")), results.get("Model initialization")),
        first_ms=_first(
            _thousandth(timings.get("First inference")),
            results.get("First inference"),
            results.get("Warmup (first)"),
        ),
        warmup_ms=_first(
            _thousandth(timings.get("Warmup (avg)", timings.get("Warmup"))),
            results.get("Warmup (avg)"),
        ),
        peak_memory_mb=_memory(lines, results),
    )
    for line in lines:
        if found := _DELEGATE.match(line):
            report.delegates[found["name"] or found["refused"]] = found["share"] or "not"
        if found := _REPLACING.search(line):
            report.nodes[found[3]] = [int(found[1]), int(found[2])]
    return report


def _last(lines):
    return " / ".join(line for line in lines if line)[-300:]


def _require_latencies(timed):
    """Raises a `ReportError` for a latency that nothing can have."""
    found = {n: v for n, v in vars(timed).items() if n.endswith("_ms") and v is not None}
    if timed.latency_ms <= 0 or not all(0 <= value < math.inf for value in found.values()):
        raise ReportError(
            "The benchmark printed a latency that cannot be: it must be finite and above 0. "
            f"Received: {found}"
        )


def _timings(lines):
    for line in lines:
        if "nference timings in us: " in line:
            found = dict(_TIMINGS.findall(line.partition(" in us: ")[2]))
            found.update(re.findall(rf"(no stats): ({_NUMBER})", line))
            return {key: float(value) for key, value in found.items()}
    return {}


def _results(lines):
    """Returns the figures of the block of LiteRT's tool."""
    for index, line in enumerate(lines):
        if "BENCHMARK RESULTS" in line:
            found = (_RESULT.match(line) for line in lines[index:])
            return {match[1].strip(): float(match[2]) for match in found if match}
    return {}


def _timed(counts, timings, results):
    mean = timings.get("Inference (avg)", timings.get("Inference", timings.get("no stats")))
    figures = counts[-1] if counts and "avg" in counts[-1] else {}
    if figures:
        # a single inference is printed without its extremes
        return Round(
            runs=int(figures["count"]),
            mean_ms=figures["avg"] / 1e3,
            median_ms=_thousandth(figures.get("median")),
            p95_ms=_thousandth(figures.get("p95")),
            min_ms=_thousandth(figures.get("min")),
            max_ms=_thousandth(figures.get("max")),
        )
    if mean is not None:
        runs = int(counts[-1].get("count", 1)) if counts else 1
        return Round(runs=runs, mean_ms=mean / 1e3)
    if "Inference (avg)" in results:
        return Round(
            runs=1,
            mean_ms=results["Inference (avg)"],
            min_ms=results.get("Inference (min)"),
            max_ms=results.get("Inference (max)"),
        )
    return None


def _memory(lines, results):
    for line in lines:
        if "peak memory footprint (MB) via periodic monitoring" in line:
            return float(line.rpartition(" ")[2])
    for line in lines:
        if "emory footprint" in line and (found := re.search(rf"overall=({_NUMBER})", line)):
            return float(found[1])
    return _first(results.get("Peak memory"), results.get("Overall footprint"))


def parse_profile(text: str) -> list[dict]:
    """Reads the profile of the operators in the order they ran, as CSV or as a table.

    Where there are several, as of a graph and of what its delegate does inside, the one of most
    operators is taken; the profile of the initialization is passed over.

    Returns:
        A list of dicts: `type`, `name`, `mean_ms`, `percent`.

    Raises:
        ReportError: if there is no profile in the text.
    """
    text = "\n".join(_PREFIX.sub("", line) for line in text.splitlines())
    regular_runs = text.rpartition("Regular Benchmark Runs")[2]
    parts = re.split(r"={5,} Run Order", regular_runs)[1:]
    try:
        operators = max((_profile_table(part) for part in parts), key=len, default=[])
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(f"The profile cannot be read: {error!r}") from error
    if not operators:
        raise ReportError(f"There is no profile in what was read: {text[:200]!r}")
    return operators


def _profile_table(text):
    """Reads the table at the beginning of a text, behind the line of its title."""
    rows = []
    for line in text.splitlines()[1:]:
        row = _profile_row(line)
        if not row:
            break
        rows.append(row)
    if not rows:
        return []
    columns = [cell.strip("[]").lower() for cell in rows[0]]
    cells = [dict(zip(columns, row, strict=False)) for row in rows[1:]]
    return [
        {
            "type": row["node type"],
            "name": re.sub(r"^\[(.*)\]$", r"\1", row["name"]).replace("\t", ","),
            "mean_ms": float(row.get("avg_ms", row.get("avg ms"))),
            "percent": float(row["%"].rstrip("%")),
        }
        for row in cells
    ]


def _profile_row(line):
    """Splits a line at tabs, or at commas: those in names were printed as tabs."""
    separator, first = ("\t", 1) if line.startswith("\t") else (",", 0)
    return [cell.strip(" ") for cell in line.split(separator)[first:]] if line.strip() else []


def _thousandth(value):
    return None if value is None else value / 1e3


def _first(*values):
    return next((value for value in values if value is not None), None)
