"""The record of a result says what a reader needs to make it again."""

import json
import pathlib
import shlex
import shutil
import subprocess
import sys
import types

import pytest

import keraslight
from keraslight import machine
from keraslight.record import command_line, commit, read_record, record, versions, write_result

ROOT = pathlib.Path(keraslight.__file__).parent.parent


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def checkout(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    package = tmp_path / "repository" / "keraslight"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package.parent / "results").mkdir()
    (package.parent / "results" / "found.json").write_text("{}")
    git(package.parent, "init", "--quiet")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "--quiet", "-m", "x")
    return package


def test_a_record_is_json_and_has_what_was_given():
    found = json.loads(json.dumps(record(data="abc", seeds=[1, 2], load=0.5)))
    assert (found["data"], found["seeds"], found["load"]) == ("abc", [1, 2], 0.5)
    assert found["date"].endswith("+00:00")
    assert found["versions"]["numpy"] and found["versions"]["keraslight"]
    assert found["device"]["cores"] >= 1


def test_what_was_not_given_is_not_recorded():
    assert {"data", "seeds"}.isdisjoint(record())


def test_packages_that_are_missing_have_no_version():
    assert versions(["no-such-package"])["no-such-package"] is None


def test_the_commit_is_that_of_the_checkout(checkout):
    found = commit(checkout)
    assert len(found["commit"]) == 40 and found["dirty"] is False


def test_changed_code_makes_it_dirty_and_changed_results_do_not(checkout):
    (checkout.parent / "results" / "found.json").write_text("[]")
    assert commit(checkout)["dirty"] is False
    (checkout / "__init__.py").write_text("x = 1")
    assert commit(checkout)["dirty"] is True


def test_a_wheel_inside_another_repository_has_no_commit(checkout):
    installed = checkout.parent / ".venv" / "keraslight"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert commit(installed) == {"commit": None, "dirty": None}


def test_json_holds_its_record_and_other_files_have_it_beside_them(tmp_path):
    made = record(seeds=1)
    write_result(tmp_path / "new" / "a.json", {"rates": [1, 2]}, made)
    write_result(tmp_path / "new" / "b.csv", b"a,b\n", made)
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == {
        "record": made,
        "rates": [1, 2],
    }
    assert (tmp_path / "new" / "b.csv").read_bytes() == b"a,b\n"
    for name in ("a.json", "b.csv", "b.png"):
        assert read_record(tmp_path / "new" / name) == made
    assert read_record(tmp_path / "new" / "c.csv") is None


@pytest.mark.parametrize(
    ("name", "argv0", "words"),
    [
        ("training.train", "/x/training/train.py", ["python", "-m", "training.train"]),
        ("keraslight.__main__", "/x/keraslight/__main__.py", ["python", "-m", "keraslight"]),
        (None, "/x/bin/keraslight", ["keraslight"]),
        (None, "studies/a.py", ["python", "studies/a.py"]),
    ],
)
def test_the_command_can_be_given_to_a_shell(monkeypatch, name, argv0, words):
    arguments = ["--set=train_sizes=((80, 12), (160, 16))", "--name=it's $HOME", "a b"]
    spec = types.SimpleNamespace(name=name) if name else None
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(__spec__=spec))
    monkeypatch.setattr(sys, "argv", [argv0, *arguments])
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert shlex.split(command_line()) == [*words, *arguments]
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert command_line().startswith("KERAS_BACKEND=jax ")


@pytest.mark.parametrize(
    ("text", "name", "features", "kind"),
    [
        (
            "processor : 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_vnni\n",
            "AMD EPYC",
            ["AVX2", "AVX512", "VNNI"],
            "avx512_vnni",
        ),
        (
            "processor\t: 0\nFeatures\t: fp asimd asimddp\nHardware\t: Qualcomm SM8550\n",
            "Qualcomm SM8550",
            ["NEON", "NEON dotprod"],
            "neon_dotprod",
        ),
    ],
)
def test_the_processor_is_read_with_what_it_can_do(
    monkeypatch, tmp_path, text, name, features, kind
):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    monkeypatch.setattr(machine, "CPUINFO", path)
    assert (machine.processor(), machine.features(), machine.kind()) == (name, features, kind)


def test_an_unknown_machine_has_a_name_and_unknown_features(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "none")
    assert machine.processor() and machine.features() is None and machine.kind() is None


def test_recording_imports_neither_keras_nor_tensorflow():
    code = (
        "import sys; from keraslight.record import record; record(); "
        "sys.exit(bool({'keras', 'tensorflow', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
