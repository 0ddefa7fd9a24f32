"""The examples in the docstrings of all public names."""

import doctest
import inspect

import keras
import numpy as np
import pytest

import keraslight

PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (keraslight, keraslight.kernels, keraslight.layers, keraslight.visualize)
    for name in module.__all__
    if not inspect.ismodule(getattr(module, name))
}


@pytest.fixture(autouse=True)
def fresh_session():
    """In place of the one that clears Keras's session after every test: examples are small."""


@pytest.mark.parametrize("name", PUBLIC)
def test_example(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"keras": keras, "keraslight": keraslight, "np": np}
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(PUBLIC[name], name, globs=names)
    assert test.examples, f"{name} has no example that runs"
    report = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
