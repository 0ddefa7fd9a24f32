"""The report of a benchmark: a table, a plot, and a result in JSON that grows while it measures."""

import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from keraslight.benchmark.results import Case, Measurement, reference_of
from keraslight.files import require_place, write_json
from keraslight.record import record
from keraslight.report import Report, markdown_table, name_rows
from keraslight.tflite.model_file import ModelFile

FORMAT = 1


@dataclass(eq=False)
class TimingReport(Report):
    """What was timed on one device, as `time_files` returns it.

    Attributes:
        models: list of `ModelFile`, the files.
        device: dict, the machine or the phone.
        settings: dict, how it was timed.
        measurements: list of `Measurement`, one for each file, number of threads and delegate.
        warnings: list of str, such as that the machine was busy.
        on_device: list of dicts, how the phone's outputs compare with this machine's.
        error: str, why the phone was lost on the way; `None` if all went well.

    Example:
    ```python
    report = keraslight.benchmark.time_files(["float.tflite", "int8.tflite"], rounds=3)
    print(report)
    print(report.measurements[0].latency_ms)
    report.save("latency.json")
    ```
    """

    models: list[ModelFile]
    device: dict
    settings: dict
    measurements: list[Measurement]
    warnings: list[str] = field(default_factory=list)
    on_device: list[dict] = field(default_factory=list)
    error: str | None = None

    formats: ClassVar[dict[str, str]] = {
        "ms": ".3f",
        "spread": ".1%",
        "ratio": ".3f",
        "init ms": ".1f",
        "peak MB": ".1f",
    }

    @property
    def failed(self) -> bool:
        """Whether something could not be timed."""
        return self.error is not None or any(m.error for m in self.measurements)

    def as_dicts(self) -> list[dict]:
        """Returns a row for each measurement; figures that are not known are `None`."""
        return [_row(result) for result in self.to_dict()["results"]]

    def table(self, rows: int | None = None) -> str:
        """Returns the rows as a Markdown table, and what failed below it.

        Args:
            rows: optional int, the largest number of rows. All rows by default.
        """
        text = markdown_table(self.as_dicts()[:rows], self.formats, missing="")
        failed = [m for m in self.measurements if not m.rounds]
        return text + "".join(f"\n\n{m.case} failed: {m.error}" for m in failed)

    def to_dict(self) -> dict:
        """Returns all that was measured, with every round, for a result in JSON."""
        values = {
            "device": self.device,
            "settings": self.settings,
            "results": [
                m.to_dict(reference_of(m.case, self.measurements)) for m in self.measurements
            ],
            "warnings": list(self.warnings),
        }
        if self.on_device:
            values["on_device"] = self.on_device
        if self.error is not None:
            values["error"] = self.error
        return values

    def save(self, path: str | os.PathLike) -> None:
        """Writes the result as JSON, as `keraslight report` reads it.

        Args:
            path: path of the file. An existing file is replaced.
        """
        ResultFile(path, self.models).save([self], complete=True)

    def _draw(self, ax):
        timed = [m for m in self.measurements if m.rounds]
        ax.barh(range(len(timed)), [m.latency_ms for m in timed])
        name_rows(ax, [str(m.case) for m in timed])
        ax.set_xlabel("latency, ms")


def _row(result):
    tail = next((name for name in ("p90", "p95") if result.get(f"{name}_ms") is not None), None)
    return {
        "model": result["model"],
        "threads": result["threads"],
        "delegate": result["delegate"],
        "ms": result.get("latency_ms"),
        "tail": f"{result[f'{tail}_ms']:.3f} ({tail})" if tail else "",
        "spread": result.get("spread"),
        "ratio": result.get("ratio"),
        "init ms": result.get("init_ms"),
        "peak MB": result.get("peak_memory_mb"),
    }


class ResultFile:
    """A result in JSON that is written again, whole, whenever more was measured.

    Args:
        path: path of the file; `None` writes nothing.
        models: list of `ModelFile`.

    Raises:
        ValueError: if no file can be written there. So this is found before hours of measuring.
    """

    def __init__(self, path: str | os.PathLike | None, models: Sequence[ModelFile]):
        self.path = None if path is None else pathlib.Path(path)
        self.models = [model.facts() for model in models]
        self.record = record()
        if self.path is not None:
            require_place(self.path)

    def save(self, reports: Sequence[TimingReport], complete: bool = False, **others) -> dict:
        """Writes what was measured so far and returns it.

        Args:
            reports: a `TimingReport` for each device.
            complete: bool, whether all was measured.
            **others: further values of the result.
        """
        values = {
            "kind": "benchmark",
            "format": FORMAT,
            "created": self.record["date"],
            "command": self.record["command"],
            "record": self.record,
            "complete": complete,
            "models": self.models,
            "runs": [report.to_dict() for report in reports],
            **others,
        }
        if self.path is not None:
            write_json(self.path, values)
        return values


def cases_of(
    models: Sequence[ModelFile], threads: Sequence[int], delegates: Sequence[str]
) -> list[tuple[Case, ModelFile]]:
    """Returns everything that is to be timed: every file by threads and by delegate.

    Files of the same name are called by their paths.
    """
    if len({model.name for model in models}) < len(models):
        for model in models:
            model.name = str(model.path)
    return [
        (Case(model.name, count, delegate), model)
        for delegate in delegates
        for count in threads
        for model in models
    ]
