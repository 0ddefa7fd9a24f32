"""Which of several equal forms a fused model takes.

Some layers can be written at inference in several forms that compute the same function. Which form
is fastest depends on the machine and on whether the file computes in float32 or in int8. A layer
declares its forms, a `Policy` chooses among them. `keraslight tune` measures the choices on
another machine; `results/forms_by_choice.md` has what was measured here.
"""

import collections.abc
import json
import os
import pathlib
import warnings
from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """One choice among equal forms.

    Attributes:
        name: str, the name of the choice in a `Policy`.
        choices: tuple of the possible values.
        float: the value that is fastest in float32.
        int8: the value that is fastest in int8.
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
        target: `"float"` or `"int8"`, whose defaults to start from.
        **choices: the choices that differ from the defaults.

    Raises:
        ValueError: if `target` is unknown, or if a choice is none that its form declares.

    Example:
    >>> policy = keraslight.graph.policy.Policy("float", join="concat")
    >>> policy["join"], policy["border"]
    ('concat', 'added')
    """

    def __init__(self, target: str = "int8", /, **choices):
        if target not in TARGETS:
            raise ValueError(f"`target` must be one of {TARGETS}. Received: target={target!r}")
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

    def __getitem__(self, name: str):
        form = FORMS.get(name)
        if name in self.choices:
            if form is not None:
                form.check(self.choices[name])
            return self.choices[name]
        return getattr(FORMS[name], self.target)

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


def policy_for(target: str | os.PathLike | Policy) -> Policy:
    """Returns the policy for a target.

    Args:
        target: `"float"`, `"int8"`, a `Policy`, or the path of a .json file that `keraslight tune`
            wrote.

    Raises:
        ValueError: if `target` is none of these.
    """
    if isinstance(target, Policy):
        return target
    if target in TARGETS:
        return Policy(target)
    path = pathlib.Path(target)
    if path.suffix != ".json" or not path.is_file():
        raise ValueError(
            f"`target` must be one of {list(TARGETS)}, a Policy, or the path of a .json file with "
            f"a policy. Received: target={target!r}"
        )
    try:
        return Policy(**json.loads(path.read_text())["policy"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The file holds no policy of this version of keraslight: {error}. "
            f"Received: target='{path}'"
        ) from error
