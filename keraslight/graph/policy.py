"""Which of several equal forms a fused model takes.

Some layers can be written at inference in several forms that compute the same function. Which form
is fastest depends on the machine and on whether the file computes in float32 or in int8. A layer
declares its forms, a `Policy` chooses among them.

The defaults are chosen by the worst case: of all forms, the one whose ratio to the plain form is
lowest on the machine where that ratio is highest. `policies/` has a file for each kind of machine
that was measured, with its figures and the choices that are fastest there. `keraslight tune` writes
such a file for another machine.
"""

import collections.abc
import functools
import json
import os
import pathlib
import warnings
from dataclasses import dataclass

from keraslight import machine

MEASURED = pathlib.Path(__file__).parent / "policies"


@dataclass(frozen=True)
class Form:
    """One choice among equal forms.

    Attributes:
        name: str, the name of the choice in a `Policy`.
        choices: tuple of the possible values.
        float: the default in float32: the value that is best in the worst case.
        int8: the default in int8.
        doc: str, what the values mean.

    Raises:
        ValueError: if a default is none of the choices.
    """

    name: str
    choices: tuple
    float: object
    int8: object
    doc: str = ""

    def __post_init__(self):
        self.check(self.float)
        self.check(self.int8)

    def check(self, value):
        """Raises a `ValueError` if a value is none of the choices."""
        if value not in self.choices:
            raise ValueError(
                f"`{self.name}` of a policy must be one of {self.choices}. "
                f"Received: {self.name}={value!r}"
            )


# every form that was declared, by its name
FORMS: dict[str, Form] = {}
TARGETS = ("float", "int8")


def declare(form: Form) -> Form:
    """Makes a form known to every policy, and returns it.

    Raises:
        ValueError: if another form of that name was declared.
    """
    known = FORMS.setdefault(form.name, form)
    if known != form:
        raise ValueError(
            f"Another form of the name '{form.name}' is declared: {known}. Choose another name. "
            f"Received: form={form}"
        )
    return form


class Policy(collections.abc.Mapping):
    """A mapping from the names of forms to the choices that `keraslight.fuse` makes.

    A form that is not mentioned takes its default for the target. A policy may mention forms of
    layers that are not imported: they are kept, with a warning, and checked once they are known.

    Args:
        target: one of `keraslight.list_targets()`: `"float"` or `"int8"`, whose defaults are good
            on every machine that was measured, or `"int8:amx"` and the like, what is fastest on one
            kind of machine.
        **choices: the choices that differ from those of the target.

    Attributes:
        looked_up: set of the names of forms whose default a model was written by.

    Raises:
        ValueError: if `target` is unknown, or if a choice is none that its form declares.

    Example:
    >>> policy = keraslight.Policy("float", join="concat")
    >>> policy["join"], policy["border"]
    ('concat', 'added')
    """

    def __init__(self, target: str = "int8", /, **choices):
        check_target(target)
        for name, choice in choices.items():
            if name in FORMS:
                FORMS[name].check(choice)
        unknown = sorted(set(choices) - set(FORMS))
        if unknown:
            warnings.warn(
                f"No imported layer has a form of that name: {', '.join(unknown)}. Correct the "
                f"name, or import the layer. Received: choices={choices}",
                stacklevel=2,
            )
        self.target = target
        self.choices = choices
        self.looked_up: set[str] = set()
        self.arithmetic, _, kind = target.partition(":")
        self._measured = measured_policy(self.arithmetic, kind)["policy"] if kind else {}

    def __getitem__(self, name: str):
        form = FORMS.get(name)
        if name in self.choices:
            if form is not None:
                form.check(self.choices[name])
            return self.choices[name]
        if name in self._measured:
            return self._measured[name]
        self.looked_up.add(name)
        return getattr(FORMS[name], self.arithmetic)

    def __iter__(self):
        return iter({**FORMS, **self.choices})

    def __len__(self):
        return len({**FORMS, **self.choices})

    def __hash__(self):
        return hash(frozenset(self.items()))

    def __repr__(self):
        choices = "".join(f", {name}={choice!r}" for name, choice in self.choices.items())
        return f"Policy({self.target!r}{choices})"

    def replace(self, **choices) -> "Policy":
        """Returns a policy in which some choices differ."""
        return Policy(self.target, **{**self.choices, **choices})


def list_targets() -> list[str]:
    """Returns the targets that `keraslight.fuse` and `keraslight convert` know by name.

    Returns:
        A list of str: `"float"` and `"int8"`, for any machine, and for each kind of machine that
        was measured a name such as `"int8:amx"`.

    Example:
    >>> keraslight.list_targets()[:2]
    ['float', 'int8']
    """
    return [*TARGETS, *(f"{target}:{kind}" for target in TARGETS for kind in measured_kinds())]


def measured_kinds() -> list[str]:
    """Returns the kinds of machines (see `keraslight.machine.kind`) that were measured."""
    kinds = {path.stem.partition("_")[2] for path in MEASURED.glob("*.json")}
    return [kind for kind in machine.KINDS if kind in kinds]


def measured_policy(target: str, kind: str) -> dict:
    """Returns what was measured on a kind of machine: the policy, its figures, their source.

    Args:
        target: `"float"` or `"int8"`.
        kind: one of `measured_kinds()`.
    """
    return json.loads((MEASURED / f"{target}_{kind}.json").read_text())


def check_target(target: str) -> None:
    """Raises a `ValueError` if a target is none of `list_targets()`."""
    if target not in TARGETS and target not in list_targets():
        raise ValueError(f"`target` must be one of {list_targets()}. Received: target={target!r}")


def policy_for(target: str | os.PathLike | Policy) -> Policy:
    """Returns the policy for a target.

    Args:
        target: one of `list_targets()`, a `Policy`, or the path of a .json file that
            `keraslight tune` wrote.

    Raises:
        ValueError: if `target` is none of these.
    """
    if isinstance(target, Policy):
        return target
    if target in TARGETS or target in list_targets():
        return Policy(target)
    path = pathlib.Path(target)
    if path.suffix != ".json" or not path.is_file():
        raise ValueError(
            f"`target` must be one of {list_targets()}, a Policy, or the path of a .json file with "
            f"a policy. Received: target={target!r}"
        )
    try:
        values = json.loads(path.read_text())
        return Policy(values.get("target", "int8"), **values["policy"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The file holds no policy of this version of keraslight: {error}. "
            f"Received: target='{path}'"
        ) from error


def warn_if_unmeasured(policy: Policy) -> None:
    """Warns, once, if a model was written by a default that was never measured on such a machine.

    Nothing is said where the model has one form only, or where it is not known what this machine's
    processor can do.
    """
    kind = machine.kind()
    if policy.looked_up and kind and kind not in measured_kinds():
        _warn_of(kind)


@functools.cache
def _warn_of(kind):
    warnings.warn(
        f"The forms that keraslight writes by default were measured on {measured_kinds()}, not on "
        f"a processor like this one ({machine.processor()}: {kind}). If the file is to run here, "
        "find the fastest forms by `keraslight tune` and pass the file it writes as `target`.",
        stacklevel=4,
    )
