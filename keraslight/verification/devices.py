"""The devices that can be checked: Android phones, and this machine."""

import collections
import contextlib
import pathlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from keraslight.benchmark import Phone
from keraslight.benchmark.phone import device
from keraslight.benchmark.phone.adb import PhoneError
from keraslight.benchmark.phone.inference import outputs_on_phone
from keraslight.benchmark.phone.report_parser import ReportError, parse_profile, parse_report
from keraslight.benchmark.phone.session import run_profile
from keraslight.benchmark.phone.tool import DELEGATES, CommandLineTool, phone_folder
from keraslight.benchmark.results import Case
from keraslight.tflite.runner import LiteRTSession
from keraslight.verification.probe import probe_of
from keraslight.verification.runtimes import outputs_of

SECONDS = 60.0
GRAPH = "model.tflite"


@dataclass(frozen=True)
class Delegation:
    """Who ran the operators of a file.

    Attributes:
        asked: str, the delegate that was asked for.
        ran: dict from who ran operators to how many.
        outside: list of str, the kinds of the operators that no delegate ran.
        said: dict from a delegate to `"completely"`, `"partially"` or `"not"`, as the tool says how
            it applied it.
    """

    asked: str
    ran: dict[str, int]
    outside: list[str]
    said: dict[str, str] = field(default_factory=dict)

    @property
    def fell_back(self) -> bool:
        """Whether something else than the delegate that was asked for ran operators."""
        return set(self.ran) != {self.asked if self.asked != "none" else "no delegate"}

    def __str__(self):
        total = sum(self.ran.values())
        shares = ", ".join(f"{count} by {who}" for who, count in self.ran.items())
        text = f"{self.asked} was asked for; of {total} operators {shares}"
        return text + (f" ({', '.join(self.outside[:5])})" if self.outside else "")


class OnThisMachine:
    """The machine that this program runs on, with LiteRT in Python.

    Args:
        delegate: `"xnnpack"` or `"none"`.
    """

    name = "this machine"

    def __init__(self, delegate: str = "xnnpack"):
        self.delegate = delegate

    def outputs(self, content: bytes, inputs: Sequence[np.ndarray], sizes: Sequence[int]) -> list:
        """Returns the bytes of all outputs of a file for each input."""
        runtime = "xnnpack" if self.delegate == "xnnpack" else "builtin"
        found = outputs_of(runtime, content, inputs)
        return [b"".join(np.ascontiguousarray(y).tobytes() for y in outputs) for outputs in found]

    def delegation(self, content: bytes) -> Delegation:
        """Returns who ran the operators."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.tflite"
            path.write_bytes(content)
            session = LiteRTSession(path, xnnpack=self.delegate == "xnnpack")
            outside = session.operators_outside_delegate()
        inside = len(probe_of(content)[1]) - len(outside)
        ran = {"xnnpack": inside, "no delegate": len(outside)}
        return Delegation(self.delegate, {k: n for k, n in ran.items() if n}, outside)


class OnPhone:
    """An Android phone, with the classic benchmark_model tool.

    Args:
        phone: the phone.
        binary: path of the benchmark_model executable for it.
        delegate: str, see `keraslight benchmark`.
        threads: int.
        libraries: paths of shared libraries that the executable loads.
        show: called with a line of progress.

    Example:
    ```python
    (phone,) = keraslight.benchmark.find_phones()
    found = verify_device(OnPhone(phone, "benchmark_model"), "model.tflite", pictures)
    ```
    """

    def __init__(
        self,
        phone: Phone,
        binary,
        delegate: str = "xnnpack",
        threads: int = 1,
        libraries: Sequence[str] = (),
        show: Callable[[str], None] = lambda text: None,
    ):
        self.phone, self.binary, self.libraries, self.show = phone, binary, libraries, show
        self.delegate = delegate
        self.case = Case("model", threads, delegate)
        self.name = device.facts(phone)["name"]

    def outputs(self, content: bytes, inputs: Sequence[np.ndarray], sizes: Sequence[int]) -> list:
        """Returns the bytes of all outputs of a file for each input.

        Raises:
            PhoneError: if the tool cannot take inputs, fails or returns too little.
        """
        with self._tool(content) as tool:
            return outputs_on_phone(tool, GRAPH, self.case, inputs, sum(sizes), self.show)

    def delegation(self, content: bytes) -> Delegation | None:
        """Returns who ran the operators, `None` if the tool does not say it."""
        with self._tool(content) as tool:
            text = tool.run(GRAPH, self.case, SECONDS, num_runs=1, min_secs=0)
            try:
                delegates = parse_report(text).delegates
                operators = parse_profile(run_profile(tool, GRAPH, self.case, SECONDS))
            except (PhoneError, ReportError) as error:
                self.show(f"warning: who ran the operators is not known: {error}")
                return None
        kinds = {step.kind for step in probe_of(content)[1]}
        outside = [row["type"] for row in operators if row["type"] in kinds]
        ran = collections.Counter(
            "no delegate" if row["type"] in kinds else _title(row["type"]) for row in operators
        )
        return Delegation(self.delegate, dict(ran), outside, delegates)

    @contextlib.contextmanager
    def _tool(self, content):
        """Puts the tool and a file into a folder of the phone."""
        with phone_folder(self.phone, self.show) as folder:
            with tempfile.TemporaryDirectory() as temporary:
                file = pathlib.Path(temporary) / GRAPH
                file.write_bytes(content)
                self.phone.push(file, f"{folder}/{GRAPH}")
            yield CommandLineTool(self.phone, folder, self.binary, libraries=self.libraries)


def _title(kind):
    """Returns the name of a delegate as users give it, from the type of what it ran."""
    return next((name for name in DELEGATES if name in kind.lower()), kind)
