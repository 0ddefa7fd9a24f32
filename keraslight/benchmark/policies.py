"""Finds the forms of a fused model that are fastest on a device, by timing.

Keras is imported inside the functions.
"""

import hashlib
import pathlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keraslight.benchmark.report import TimingReport
from keraslight.failures import PHONE_FAILED, Failure
from keraslight.tflite.model_file import ModelFile

if TYPE_CHECKING:
    import keras

    from keraslight.graph.policy import Policy

# the policy that keraslight has for each quantization, which the search starts from
STARTS = {"none": "float", "float16": "float", "int8": "int8"}


@dataclass(frozen=True)
class TunedPolicy:
    """The fastest policy found, and the figures behind it.

    Attributes:
        policy: the `Policy`.
        start: the `Policy` that the search began with.
        ratio: float, the time with the policy over the time with `start`.
        figures: list of dicts: a `choice`, its `form`, and the `ratio` of its time alone.
        reports: the two `TimingReport`s.
    """

    policy: "Policy"
    start: "Policy"
    ratio: float
    figures: list[dict]
    reports: list[TimingReport] = field(repr=False)

    @property
    def changed(self) -> dict[str, str]:
        """The choices in which the policy differs from `start`."""
        return {name: form for name, form in self.policy.items() if form != self.start[name]}


def tune_policy(
    model: "keras.Model",
    time_files: Callable[[Sequence[ModelFile]], TimingReport],
    quantization: str = "int8",
    gain: float = 0.01,
    forms: Sequence[str] = (),
    show: Callable[[str], None] = lambda text: None,
) -> TunedPolicy:
    """Times every choice of form alone, then all those together that gain something.

    Args:
        model: a model of a fixed input size that `keraslight.fuse` takes.
        time_files: times files in one run, as `keraslight.benchmark.time_files` does.
        quantization: `"none"`, `"float16"` or `"int8"`.
        gain: float, what a choice must gain to be kept, as a share of the time.
        forms: names of the choices to vary, such as `"join"`. All by default.
        show: called with a line of progress.

    Returns:
        A `TunedPolicy`.

    Raises:
        Failure: if a file could not be timed.
        ValueError: if the model cannot be written with this quantization.

    Example:
    ```python
    tuned = tune_policy(model, keraslight.benchmark.time_files, "int8")
    fused = keraslight.fuse(model, target=tuned.policy)
    ```
    """
    from keraslight.graph.policy import FORMS, Policy

    unknown = set(forms) - set(FORMS)
    if unknown:
        raise ValueError(f"`forms` must be of {sorted(FORMS)}. Received: forms={tuple(forms)}")
    start = Policy(STARTS[quantization])
    trials = [
        (form.name, choice, start.replace(**{form.name: choice}))
        for form in FORMS.values()
        for choice in form.choices
        if choice != start[form.name] and (not forms or form.name in forms)
    ]
    with tempfile.TemporaryDirectory() as folder:
        files = PolicyFiles(model, quantization, pathlib.Path(folder), show)
        policies = (start, *(policy for _, _, policy in trials))
        report = _timed(time_files, [files.write(policy) for policy in policies])
        ratios = _ratios(report)
        figures = [
            {"choice": name, "form": choice, "ratio": ratios[files.write(policy).name]}
            for name, choice, policy in trials
        ]
        for figure in figures:
            show(f"{figure['choice']}={figure['form']}: {figure['ratio']:.3f}")
        best = start.replace(**gains(figures, gain))
        check = _timed(time_files, [files.write(start), files.write(best)])
        ratio = _ratios(check)[files.write(best).name]
    if ratio > 1 - gain:
        best, ratio = start, 1.0
    return TunedPolicy(best, start, ratio, figures, [report, check])


def _timed(time_files, files):
    """Times each file once."""
    report = time_files(list(dict.fromkeys(files)))
    errors = [m.error for m in report.measurements if m.error] + [report.error]
    if any(errors):
        raise Failure(f"A file could not be timed on the phone: {errors[0]}", PHONE_FAILED)
    return report


def _ratios(report):
    first = report.measurements[0]
    return {m.case.model: m.ratio(first) for m in report.measurements}


def gains(figures: list[dict], gain: float) -> dict[str, str]:
    """Returns the fastest form of every choice that gains enough.

    Args:
        figures: list of dicts: the `choice`, its `form`, and the `ratio` of its time.
        gain: float, what it must gain, as a share.
    """
    best = {}
    for figure in sorted(figures, key=lambda figure: figure["ratio"]):
        if figure["ratio"] < 1 - gain:
            best.setdefault(figure["choice"], figure["form"])
    return best


class PolicyFiles:
    """Writes a model fused by several policies; policies that make the same file share it."""

    def __init__(
        self,
        model,
        quantization: str,
        folder: pathlib.Path,
        show: Callable[[str], None] = lambda text: None,
    ):
        self.model = model
        self.quantization = quantization
        self.folder = folder
        self.show = show
        self.by_policy: dict[Policy, ModelFile] = {}
        self.by_content: dict[str, ModelFile] = {}

    def write(self, policy: "Policy") -> ModelFile:
        """Returns the file of a policy."""
        if policy not in self.by_policy:
            number = len(self.by_policy)
            self.show(f"writing {number}: {policy}")
            path = self.folder / f"policy{number}.tflite"
            self._export(policy, path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self.by_policy[policy] = self.by_content.setdefault(digest, ModelFile(path))
        return self.by_policy[policy]

    def _export(self, policy, path):
        import keraslight
        from keraslight.conversion import noise

        fused = keraslight.fuse(self.model, target=policy)
        if self.quantization == "int8":
            quantized = keraslight.quantize_model(fused)
            noise.calibrate(quantized)
            keraslight.export_tflite(quantized, path)
        else:
            quantization = None if self.quantization == "none" else self.quantization
            keraslight.export_tflite(fused, path, quantization)
