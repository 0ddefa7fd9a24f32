"""Public names come from the modules of a package."""

import sys

import pytest

from keraslight.discover import public_names


def package(folder, monkeypatch, **modules):
    """Writes a package of modules and makes it importable."""
    home = folder / "some_package"
    home.mkdir()
    (home / "__init__.py").write_text("")
    for name, text in modules.items():
        (home / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    for name in [name for name in sys.modules if name.startswith("some_package")]:
        monkeypatch.delitem(sys.modules, name)


def test_a_new_file_is_enough(tmp_path, monkeypatch):
    package(
        tmp_path, monkeypatch, b="__all__ = ['second']\nsecond = 2", a="first = 1", c="__all__ = []"
    )
    assert public_names("some_package") == {"second": 2}


def test_a_name_of_two_modules_is_refused(tmp_path, monkeypatch):
    package(tmp_path, monkeypatch, a="__all__ = ['x']\nx = 1", b="__all__ = ['x']\nx = 2")
    with pytest.raises(ValueError, match=r"x in some_package\.a and some_package\.b"):
        public_names("some_package")
