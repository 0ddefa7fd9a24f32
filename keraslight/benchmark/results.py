"""What is timed, and what a benchmark measured of it: the rounds and their figures."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

# medians of rounds that lie further apart make a benchmark noisy; MLPerf Mobile's rule
SPREAD_LIMIT = 0.05


@dataclass(frozen=True)
class Case:
    """What is timed.

    Attributes:
        model: str, the name of the file.
        threads: int.
        delegate: str: `"xnnpack"`, `"gpu"`, `"nnapi"` or `"none"`.

    Example:
    >>> print(keraslight.benchmark.Case("int8", threads=2))
    int8, 2 threads, xnnpack
    """

    model: str
    threads: int = 1
    delegate: str = "xnnpack"

    def __str__(self) -> str:
        return f"{self.model}, {self.threads} thread{'s' * (self.threads > 1)}, {self.delegate}"


@dataclass(frozen=True)
class Round:
    """One visit to a case: some inferences in a row. Milliseconds; `None` is not known.

    Example:
    >>> visit = keraslight.benchmark.Round.of(np.array([4.0, 1.0, 2.0, 3.0, 10.0]))
    >>> visit.median_ms, visit.max_ms
    (3.0, 10.0)
    """

    runs: int
    mean_ms: float
    median_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None

    @classmethod
    def of(cls, milliseconds: np.ndarray) -> "Round":
        """Returns the figures of a visit whose every inference was timed."""
        return cls(
            runs=len(milliseconds),
            mean_ms=float(milliseconds.mean()),
            median_ms=float(np.median(milliseconds)),
            p90_ms=float(np.percentile(milliseconds, 90)),
            min_ms=float(milliseconds.min()),
            max_ms=float(milliseconds.max()),
        )

    @property
    def latency_ms(self) -> float:
        """The median, or the mean where a tool does not print the median."""
        return self.mean_ms if self.median_ms is None else self.median_ms


@dataclass
class Measurement:
    """A case and what was measured of it.

    Attributes:
        case: the case.
        rounds: list of `Round`.
        init_ms: float, how long it took to load the file and prepare the first inference.
        first_ms: float, how long the first inference took.
        peak_memory_mb: float.
        facts: dict of what else is known, such as the operators outside the delegate.
        profile: list of dicts, one for each operator, where the runtime gives one.
        error: why there are no rounds, or fewer.

    Example:
    >>> from keraslight.benchmark import Case, Measurement, Round
    >>> slow = Measurement(Case("float"), [Round(50, mean_ms=6.0), Round(50, mean_ms=6.4)])
    >>> fast = Measurement(Case("int8"), [Round(50, mean_ms=3.0), Round(50, mean_ms=3.2)])
    >>> fast.ratio(slow)
    0.5
    """

    case: Case
    rounds: list[Round] = field(default_factory=list)
    init_ms: float | None = None
    first_ms: float | None = None
    peak_memory_mb: float | None = None
    facts: dict = field(default_factory=dict)
    profile: list[dict] = field(default_factory=list)
    error: str | None = None

    @property
    def latency_ms(self) -> float:
        """The median over the rounds."""
        return statistics.median(r.latency_ms for r in self.rounds)

    @property
    def spread(self) -> float:
        """How far the rounds lie apart, as a share of their median."""
        latencies = [r.latency_ms for r in self.rounds]
        return (max(latencies) - min(latencies)) / self.latency_ms

    def tail(self) -> tuple[str, float] | None:
        """Returns the name and the value of the highest percentile known."""
        for name in ("p90_ms", "p95_ms"):
            values = [getattr(r, name) for r in self.rounds]
            if None not in values:
                return name.removesuffix("_ms"), statistics.median(values)
        return None

    def ratio(self, reference: "Measurement") -> float:
        """Returns the median over the rounds of this latency over the other in the same round."""
        return statistics.median(
            own.latency_ms / other.latency_ms
            for own, other in zip(self.rounds, reference.rounds, strict=False)
        )

    def to_dict(self, reference: "Measurement | None" = None) -> dict:
        """Returns everything, with the figures of the rounds, for a result in JSON."""
        values = asdict(self)
        values.update(values.pop("case"))
        if self.rounds:
            tail = self.tail()
            values["statistic"] = "mean" if self.rounds[0].median_ms is None else "median"
            values["latency_ms"] = self.latency_ms
            values["spread"] = self.spread
            if tail:
                values[f"{tail[0]}_ms"] = tail[1]
            if reference is not None and reference.rounds:
                values["ratio"] = self.ratio(reference)
        return values


def reference_of(case: Case, measurements: Sequence[Measurement]) -> Measurement:
    """Returns the first measurement with the threads and the delegate of a case."""
    alike = [
        m
        for m in measurements
        if (m.case.threads, m.case.delegate) == (case.threads, case.delegate) and m.rounds
    ]
    return (alike or list(measurements))[0]


def noise_warnings(measurements: Sequence[Measurement]) -> list[str]:
    """Returns a warning for every case whose rounds lie too far apart."""
    return [
        f"noisy: the rounds of {m.case} lie {m.spread:.0%} apart "
        f"({min(r.latency_ms for r in m.rounds):.3f} to "
        f"{max(r.latency_ms for r in m.rounds):.3f} ms); the machine was not quiet, "
        "compare ratios, not milliseconds"
        for m in measurements
        if len(m.rounds) > 1 and m.spread > SPREAD_LIMIT
    ]
