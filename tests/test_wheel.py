"""The wheel, installed in an environment of its own beside the package index's `tflite`."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import keras
import pytest

import keraslight

ROOT = pathlib.Path(__file__).parents[1]
OTHER = "tflite==2.18.0"  # the index's package of that name, which has nothing to do with ours

pytestmark = pytest.mark.slow


def run(*command, cwd, **environment):
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**variables, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, because building leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        ROOT / "keraslight", source / "keraslight", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("tflite", "training"):
        (source / name).mkdir()
        shutil.copy(ROOT / name / "__init__.py", source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*pip, f"--wheel-dir={folder}", source, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """The folder of programs of an environment that sees the packages installed here."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", f"--python={folder / 'bin' / 'python'}", "--quiet"]
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    try:
        run(*pip, "install", "--no-deps", OTHER, cwd=folder)
    except AssertionError as error:
        pytest.skip(f"needs the package index: {error}")
    # a line of a .pth file adds a folder, but not what the .pth files in it add: not this checkout
    (packages / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "bin"


def test_the_wheel_has_one_import_name_and_one_command(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    (about,) = {name.split("/")[0] for name in names} - {"keraslight"}
    assert about.startswith("keraslight-") and about.endswith(".dist-info")
    entry_points = zipfile.ZipFile(wheel).read(f"{about}/entry_points.txt").decode()
    assert entry_points.split() == [
        "[console_scripts]",
        "keraslight",
        "=",
        "keraslight.commands.main:main",
    ]
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "keraslight").rglob("*.py")}
    data = {"imagenet_classes.txt", "page.html.j2", "index.html", "picture.js", "page.css"}
    assert ours <= set(names)
    assert data <= {name.rsplit("/")[-1] for name in names}


def test_the_other_tflite_stays_what_it_is(environment, tmp_path):
    script = (
        "import keraslight, tflite, sys; print(keraslight.__file__, tflite.__file__);"
        "tflite.Model.GetRootAsModel"
    )
    for path in run(environment / "python", "-c", script, cwd=tmp_path).split():
        assert pathlib.Path(path).is_relative_to(environment.parent)


def test_every_command_runs(environment, model, picture_folder, tmp_path):
    model.save(tmp_path / "colours.keras")
    block = [keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)]
    keras.Sequential([*block, keras.layers.GlobalAveragePooling2D()]).save(tmp_path / "block.keras")
    (tmp_path / "labels.txt").write_text("blue\ngreen\nred\n")

    def program(*arguments):
        return run(environment / "keraslight", *arguments, cwd=tmp_path)

    assert keraslight.__version__ in program("--version")
    program(
        "convert",
        "--model=colours.keras",
        "--quantization=none,int8",
        f"--calibration_dir={picture_folder}",
        "--mean=120,110,100",
        "--std=60,55,50",
        "--labels=labels.txt",
        "--output=colours.tflite",
        "--json=conversion.json",
    )
    files = ("colours_none.tflite", "colours_int8.tflite")
    assert "probabilities" in program("info", *files)
    picture = next((picture_folder / "red").glob("7.*"))
    assert "in every bit" in program("verify", files[1], "--pictures=2")
    assert "red" in program("classify", files[0], picture, "--top=1")
    evaluation = ("evaluate", f"--data_dir={picture_folder}", "--workers=1")
    program(*evaluation, f"--tflite={files[1]}", "--json=accuracy.json")
    assert json.loads((tmp_path / "accuracy.json").read_text())["top1"] == 0.875
    timing = ("--rounds=2", "--runs=5")
    program("benchmark", f"--tflite={','.join(files)}", *timing, "--json=times.json")
    program("report", "conversion.json", "accuracy.json", "times.json")
    assert (tmp_path / "report" / "report.html").is_file()
    program("tune", "--model=block.keras", *timing, "--output=policy.json")
    program("sample", "shapes", "--train=2", "--val=1")
    assert (tmp_path / "shapes" / "train").is_dir()
