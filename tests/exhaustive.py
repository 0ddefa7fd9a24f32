"""Which of many variants the default run takes."""

from collections.abc import Iterable

import pytest


def exhaustive_but(chosen: Iterable, variants: Iterable) -> list:
    """Returns the parameters of a test, those not `chosen` for `pytest -m exhaustive` alone.

    What is chosen has every structure; the others differ from it in width, depth or number.
    """
    chosen, variants = list(chosen), list(variants)
    assert set(chosen) <= set(variants)
    marked = [v if isinstance(v, tuple) else (v,) for v in variants if v not in chosen]
    return chosen + [pytest.param(*values, marks=pytest.mark.exhaustive) for values in marked]
