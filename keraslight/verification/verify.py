"""Compares a device with every runtime, and says which one it is or what is different."""

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from keraslight.tflite.model_file import ModelFile
from keraslight.verification.devices import Delegation, OnPhone, OnThisMachine
from keraslight.verification.differences import describe
from keraslight.verification.inputs import VARIANTS, variant
from keraslight.verification.probe import Step, probe_of
from keraslight.verification.runtimes import TITLES, CannotRun, outputs_of, runtimes_of


@dataclass
class Verification:
    """What was found about a device.

    Attributes:
        device: str, its name.
        pictures: int, how many were compared.
        runtimes: list of the names of the runtimes that are equal to the device in every bit.
        shares: dict from each runtime to the share of values that are equal.
        not_run: dict from a runtime to why it did not run here.
        verdict: str, a sentence.
        first: the first operator that differs from the nearest runtime, or `None`.
        delegation: who ran the operators, or `None` if that is not known.
        faults: list of str: what is wrong.
    """

    device: str
    pictures: int
    runtimes: list[str] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    verdict: str = ""
    first: Step | None = None
    delegation: Delegation | None = None
    faults: list[str] = field(default_factory=list)

    def __str__(self):
        lines = [f"{self.device}: {self.verdict}", f"compared: {self.pictures} pictures"]
        lines += [f"{TITLES[name]}: {share:.2%} equal" for name, share in self.shares.items()]
        lines += [f"not compared: {why}" for why in self.not_run.values()]
        if self.delegation is not None:
            lines.append(str(self.delegation))
        return "\n".join([*lines, *(f"fault: {fault}" for fault in self.faults)])

    def to_dict(self) -> dict:
        """Returns everything, fit for JSON."""
        found = {**vars(self), "first": None, "delegation": None}
        if self.first is not None:
            found["first"] = {**vars(self.first), "shape": list(self.first.shape)}
        if self.delegation is not None:
            found["delegation"] = vars(self.delegation)
        return found


def verify_device(
    device: OnPhone | OnThisMachine, model: ModelFile, inputs: Sequence[np.ndarray]
) -> Verification:
    """Runs pictures on a device and says which runtime computes the same integers.

    The runtimes run here. If none is equal, the pictures are changed as apps change them by
    mistake; if that does not help, the results of all operators are compared, and the first one
    that differs although its inputs are equal is named.

    Args:
        device: the device.
        model: an int8 file of one picture.
        inputs: arrays as the file takes them, of shape `(1, height, width, channels)`.

    Returns:
        A `Verification`.

    Raises:
        PhoneError: if the device fails.
        ValueError: if the file is not one of int8, or has more than one input.

    Example:
    ```python
    model = keraslight.tflite.ModelFile("model.tflite")
    codes = np.random.default_rng(0).integers(-128, 128, (4, *model.input_shape)).astype("int8")
    print(verify_device(OnThisMachine(), model, list(codes)))
    ```
    """
    require_int8(model)
    return _Search(device, model, inputs).run()


def require_int8(model: ModelFile) -> None:
    """Raises a `ValueError` if a file is not one of integers, with one input."""
    types = {tensor.type for tensor in (*model.inputs, *model.outputs)}
    if len(model.inputs) != 1 or not types <= {"int8", "uint8"}:
        raise ValueError(
            "Only a file of one int8 input and int8 outputs has the same numbers everywhere. "
            f"Received: inputs {[t.type for t in model.inputs]}, outputs "
            f"{[t.type for t in model.outputs]} in '{model.path}'"
        )


class _Search:
    def __init__(self, device, model, inputs):
        self.device, self.model, self.inputs = device, model, inputs
        self.probe, self.steps = probe_of(model.content)
        self.found = Verification(device.name, len(inputs))

    def run(self):
        found = self.found
        received = self.on_device(self.inputs)
        found.delegation = self.device.delegation(self.model.content)
        for runtime in runtimes_of(self.model.content):
            try:
                here = self.here(runtime, self.inputs)
            except CannotRun as error:
                found.not_run[runtime] = str(error)
                continue
            found.shares[runtime] = _equal(received, here)
        found.runtimes = [name for name, share in found.shares.items() if share == 1]
        if self.on_device(self.inputs[:1]) != received[:1]:
            found.faults.append("the device computes other numbers when it runs again")
        elif found.runtimes:
            self.separate()
        elif not self.explained_by_inputs(received):
            self.find_first()
        who = found.delegation
        if who is not None and who.fell_back and not self.left_out_here_too(who):
            found.faults.append(_fallback(who))
        found.verdict = self.verdict()
        return found

    def left_out_here_too(self, delegation):
        """Tells whether XNNPACK has no kernel for what it leaves out, such as softmax in int8."""
        if delegation.asked != "xnnpack" or "xnnpack" not in delegation.ran:
            return False
        here = OnThisMachine().delegation(self.model.content)
        return not Counter(delegation.outside) - Counter(here.outside)

    def on_device(self, inputs):
        sizes = [_bytes(tensor) for tensor in self.model.outputs]
        return self.device.outputs(self.model.content, inputs, sizes)

    def here(self, runtime, inputs):
        return [_joined(outputs) for outputs in outputs_of(runtime, self.model.content, inputs)]

    @functools.cached_property
    def steps_on_device(self):
        """What every operator computes on the device for the first picture."""
        (content,) = self.device.outputs(
            self.probe, self.inputs[:1], [step.bytes for step in self.steps]
        )
        found = []
        for step in self.steps:
            part, content = content[: step.bytes], content[step.bytes :]
            found.append(np.frombuffer(part, step.dtype).reshape(step.shape))
        return found

    def first_difference(self, runtime):
        """Returns the place of the first operator that differs, and what was computed here."""
        (here,) = outputs_of(runtime, self.probe, self.inputs[:1])
        for place, (one, other) in enumerate(zip(self.steps_on_device, here, strict=True)):
            if (one != other.reshape(one.shape)).any():
                return place, here
        return None, here

    def separate(self):
        """Keeps the runtimes that are equal in every operator, where some are."""
        if len(self.found.runtimes) > 1:
            equal = [r for r in self.found.runtimes if self.first_difference(r)[0] is None]
            self.found.runtimes = equal or self.found.runtimes

    def explained_by_inputs(self, received):
        for name in VARIANTS:
            changed = [variant(name, codes) for codes in self.inputs]
            if any(codes is None for codes in changed):
                continue
            for runtime in self.found.shares:
                if _equal(received, self.here(runtime, changed)) == 1:
                    self.found.runtimes = [runtime]
                    self.found.faults.append(f"the device computes with the pictures {name}")
                    return True
        return False

    def find_first(self):
        """Names the first operator that differs from the runtime that is equal for longest."""
        places = {runtime: self.first_difference(runtime) for runtime in self.found.shares}
        end = len(self.steps)
        nearest = max(places, key=lambda r: end if places[r][0] is None else places[r][0])
        place, here = places[nearest]
        if place is None:
            self.found.faults.append(
                f"every operator by itself is that of {TITLES[nearest]}, the outputs are not: the "
                "device joins operators, or reads the outputs in another way"
            )
            return
        step = self.steps[place]
        text = describe(step, self.steps_on_device[place], here[place].reshape(step.shape))
        self.found.first = step
        self.found.faults.append(f"{step}: {text} (compared with {TITLES[nearest]})")

    def verdict(self):
        found = self.found
        names = " or ".join(TITLES[name] for name in found.runtimes)
        if names and not found.faults:
            return f"it is {names}, in every bit"
        if names:
            return f"its integers are those of {names}, but something is wrong"
        return "it is none of the runtimes"


def _fallback(delegation):
    ran = delegation.ran.get(delegation.asked, 0)
    if not ran and delegation.asked != "none":
        others = ", ".join(who for who in delegation.ran)
        return f"{delegation.asked} ran no operator: it fell back to {others} without an error"
    return f"not all operators ran where they should: {delegation}"


def _bytes(tensor):
    return int(np.prod(tensor.shape)) * np.dtype(tensor.type).itemsize


def _joined(outputs):
    return b"".join(np.ascontiguousarray(y).tobytes() for y in outputs)


def _equal(one, other):
    """Returns the share of equal bytes."""
    one, other = (np.frombuffer(b"".join(x), "int8") for x in (one, other))
    return float((one == other).mean()) if len(one) == len(other) else 0.0
