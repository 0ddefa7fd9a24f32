import json
import re
import shutil
import socket
import subprocess

import pytest

from keraslight.benchmark.phone import device
from keraslight.benchmark.phone.adb import Adb, PhoneError, connect
from tests.helpers import table_cells
from tests.tflite import reports
from tests.tflite.fake_phone import CLASSIC_FLAGS, LITERT_FLAGS, FakePhones

READY = {"PIXEL7": "device"}


@pytest.fixture
def bench(program, float_file, int8_file, tmp_path):
    """Runs the benchmark of two files on fake phones; returns the process and the JSON."""

    def run(phones, tool, *arguments):
        out = tmp_path / "out.json"
        done = program(
            "benchmark",
            "--android",
            f"--tflite={float_file},{int8_file}",
            f"--benchmark_binary={tool}",
            "--cool_down=0",
            f"--json={out}",
            *arguments,
            environment=phones.environment(),
        )
        return done, json.loads(out.read_text()) if out.exists() else None

    return run


@pytest.fixture
def phones(tmp_path):
    def make(states=READY, **scenario):
        home = tmp_path / "phones"
        home.mkdir()
        return FakePhones(home, states, **scenario)

    return make


@pytest.mark.parametrize(
    ("report", "flags", "ms", "statistic"),
    [
        (reports.CLASSIC, CLASSIC_FLAGS, 55.0432, "mean"),
        (reports.LITERT, LITERT_FLAGS, 0.942, "median"),
    ],
)
def test_all_goes_well(bench, phones, report, flags, ms, statistic):
    fake = phones()
    tool = fake.tool(report, flags, profile=reports.CSV_PROFILE)
    done, result = bench(fake, tool, "--rounds=2", "--profile")
    assert done.returncode == 0, done.stderr
    (run,) = result["runs"]
    assert [r["model"] for r in run["results"]] == ["colours_float", "colours_int8"]
    for r in run["results"]:
        assert (r["latency_ms"], r["statistic"], len(r["rounds"])) == (ms, statistic, 2)
        assert (r["ratio"], r["error"]) == (1.0, None)
        assert [op["type"] for op in r["profile"]] == ["TfLiteXNNPackDelegate", "QUANTIZE"]
    device_facts = run["device"]
    assert device_facts["name"] == "Google Pixel 7"
    assert (device_facts["android"], device_facts["soc"]) == ("14", "Tensor GS201")
    assert [cpu["governor"] for cpu in device_facts["cpus"]] == ["sched_pixel"] * 8
    before = run["settings"]["before"]
    assert (before["thermal_status"], before["battery_celsius"]) == (0, 25.4)
    assert before["temperatures"] == {"SKIN": 31.5, "CPU": 45.2}  # not those cached
    assert run["settings"]["after"] == before
    assert run["settings"]["mask"] == "f0"
    assert set((fake.home / "PIXEL7/masks").read_text().split()) == {"f0"}
    _, *rows = table_cells(done.stdout)
    assert ["colours_int8", "1", "xnnpack", f"{ms:.3f}"] in [row[:4] for row in rows]
    assert fake.left_on("PIXEL7") == []
    assert not any(call[2:3] == ["pull"] for call in fake.calls())


def test_partial_delegation_is_told(bench, phones):
    fake = phones()
    done, result = bench(fake, fake.tool(reports.NOT_APPLIED), "--rounds=1", "--delegates=gpu")
    assert done.returncode == 0
    facts = result["runs"][0]["results"][0]["facts"]
    assert facts["delegates"] == {"GPU": "not", "XNNPACK": "partially"}
    assert "the GPU delegate runs the model not" in done.stderr


def test_a_tool_without_the_delegate(bench, phones):
    fake = phones()
    tool = fake.tool(reports.LITERT, LITERT_FLAGS)
    done, result = bench(fake, tool, "--rounds=1", "--delegates=nnapi,cpu")
    assert done.returncode == 4
    errors = [r["error"] for r in result["runs"][0]["results"]]
    assert "has no nnapi" in errors[0]
    assert errors[2:] == [None, None]


@pytest.mark.parametrize(
    ("states", "arguments", "message"),
    [
        ({}, None, "No phone was found"),
        ({"A": "unauthorized"}, None, "accept the question whether to allow USB debugging"),
        ({"A": "offline"}, None, "unplug it"),
        ({"A": "no permissions (missing udev rules?)"}, None, "udev rules"),
        ({"A": "device", "B": "device"}, None, "choose with --serial=A, several with --serial=A,B"),
        ({"A": "device"}, ["C"], "There is no phone C; there are ['A']"),
        ({"A": "device", "B": "unauthorized"}, ["B"], "The phone B is not ready"),
    ],
)
def test_no_phone_to_use(phones, monkeypatch, states, arguments, message):
    monkeypatch.setenv("PATH", phones(states).environment()["PATH"])
    with pytest.raises(PhoneError, match=re.escape(message)) as error:
        connect(arguments)
    assert error.value.exit_code == 3


def test_a_phone_that_is_not_ready_ends_the_program(bench, phones):
    fake = phones({"A": "unauthorized"})
    done, result = bench(fake, fake.tool(reports.CLASSIC))
    assert done.returncode == 3
    assert done.stderr.startswith("error: The phone A is not ready (unauthorized): unlock")
    assert result is None


def test_a_phone_lost_on_the_way_keeps_what_was_measured(bench, phones):
    fake = phones({"A": "device", "B": "device", "C": "unauthorized"}, lose_at=4)
    done, result = bench(fake, fake.tool(reports.CLASSIC), "--rounds=3", "--serial=all")
    assert done.returncode == 4
    lost, whole = result["runs"]
    assert "the phone went away" in lost["error"]
    assert [len(r["rounds"]) for r in lost["results"]] == [2, 1]
    assert [len(r["rounds"]) for r in whole["results"]] == [3, 3]
    assert "error: colours_int8: A: the phone went away" in done.stderr
    assert "a folder stays on it: adb -s A shell rm -rf" in done.stderr
    assert fake.left_on("B") == []


def test_no_space_on_the_phone(bench, phones):
    fake = phones(no_space=True)
    done, result = bench(fake, fake.tool(reports.CLASSIC))
    assert done.returncode == 4
    assert "there is no space left on the phone" in done.stderr
    assert result is None
    assert fake.left_on("PIXEL7") == []


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"crash_on": "model1"}, "benchmark_model failed, segmentation fault"),
        ({"garbage": True}, "There is no latency in what the benchmark printed"),
        ({"hang": True}, "no end after 1 s"),
    ],
)
def test_a_tool_that_fails(bench, phones, behaviour, message):
    fake = phones()
    tool = fake.tool(reports.CLASSIC, **behaviour)
    done, result = bench(fake, tool, "--rounds=2", f"--timeout={1 if 'hang' in behaviour else 60}")
    assert done.returncode == 4
    first, second = result["runs"][0]["results"]
    assert message in second["error"]
    assert "failed: " in done.stdout
    if "crash_on" in behaviour:  # the other model is measured all the same
        assert first["error"] is None and len(first["rounds"]) == 2
    assert fake.left_on("PIXEL7") == []


def test_a_file_that_is_no_tool(bench, phones, tmp_path):
    fake = phones()
    (tmp_path / "tool").write_text("#!/bin/sh\necho hello\n")
    done, _ = bench(fake, tmp_path / "tool")
    assert done.returncode == 4
    assert "is not a benchmark_model tool; it says: 'hello'" in done.stderr
    assert fake.left_on("PIXEL7") == []


def test_the_app(bench, phones):
    fake = phones()
    apk = fake.tool(reports.CLASSIC)
    done, result = bench(fake, apk, "--rounds=1", "--app", "--threads=2")
    assert done.returncode == 0, done.stderr
    (run,) = result["runs"]
    assert run["results"][0]["latency_ms"] == 55.0432
    assert run["settings"]["mask"] is None
    intent = (fake.home / "PIXEL7/intents").read_text().splitlines()[0]
    assert "-n org.tensorflow.lite.benchmark/.BenchmarkModelActivity --es args" in intent
    assert "--num_threads=2" in intent
    assert not (fake.home / "PIXEL7/installed").exists()  # it was not there before
    assert fake.left_on("PIXEL7") == []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        # of these the first is what a delegate says that takes but a part, the second the end
        ("ERROR: Following operations are not supported by GPU delegate:\n", 0),
        ("ERROR: Failed to apply GPU delegate.\n", 4),
    ],
)
def test_errors_in_the_log_of_the_app(bench, phones, said, code):
    fake = phones()
    apk = fake.tool(said + (reports.CLASSIC if code == 0 else "Nothing more"))
    done, result = bench(fake, apk, "--rounds=1", "--app", "--delegates=gpu")
    assert done.returncode == code, done.stderr
    errors = [r["error"] for r in result["runs"][0]["results"]]
    if code:
        assert all("Failed to apply GPU delegate" in error for error in errors)
    else:
        assert errors == [None, None]


@pytest.fixture
def bench_pictures(program, plain_file, picture_folder):
    def run(phones, tool, *arguments):
        return program(
            "benchmark",
            "--android",
            f"--tflite={plain_file}",
            f"--benchmark_binary={tool}",
            "--rounds=1",
            "--on_device_accuracy=4",
            f"--data_dir={picture_folder}",
            "--mean=120,110,100",
            "--std=60,55,50",
            *arguments,
            environment=phones.environment(),
        )

    return run


def test_accuracy_on_the_phone(bench_pictures, phones, tmp_path):
    fake = phones()
    out = tmp_path / "out.json"
    done = bench_pictures(fake, fake.tool(reports.CLASSIC), f"--json={out}")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(out.read_text())["runs"][0]["on_device"]
    assert (found["pictures"], found["top1"], found["max_difference"]) == (4, 1.0, 0.0)
    assert "the same best class on 100.00% of 4 pictures" in done.stdout
    assert fake.left_on("PIXEL7") == []


def test_accuracy_needs_a_tool_that_takes_inputs(bench_pictures, phones, tmp_path):
    fake = phones()
    out = tmp_path / "out.json"
    done = bench_pictures(fake, fake.tool(reports.LITERT, LITERT_FLAGS), f"--json={out}")
    assert done.returncode == 4
    assert "cannot be given inputs" in done.stderr
    (run,) = json.loads(out.read_text())["runs"]  # the latencies are kept
    assert run["results"][0]["latency_ms"] == 0.942 and "cannot be given" in run["error"]


@pytest.mark.parametrize(
    ("choice", "mask"),
    [("big", "f0"), ("little", "f"), ("prime", "c0"), ("all", None), ("0x30", "30"), ("1", "1")],
)
def test_masks(choice, mask):
    speeds = (1800,) * 4 + (2300,) * 2 + (2800,) * 2
    cpus = [device.Cpu(i, khz, khz, "walt") for i, khz in enumerate(speeds)]
    assert device.mask(choice, cpus) == mask


def test_masks_that_cannot_be():
    alike = [device.Cpu(i, 2000, 2000, "walt") for i in range(4)]
    assert device.mask("big", alike) == "f"  # no little ones
    for choice in ("f00", "fast", "0", ""):
        with pytest.raises(ValueError, match="mask of processors"):
            device.mask(choice, alike)
    with pytest.raises(ValueError, match="does not tell the frequencies"):
        device.mask("big", [device.Cpu(0, None, None, None)])


def test_a_phone_is_hot_when_it_throttles():
    cool = {"thermal_status": 0, "allowed_khz": [2800, None]}
    assert not device.is_hotter(cool, cool)
    assert device.is_hotter({**cool, "thermal_status": 2}, cool)
    assert device.is_hotter({**cool, "allowed_khz": [2000, None]}, cool)


def test_without_adb(program, float_file):
    done = program(
        "benchmark", "--android", f"--tflite={float_file}", environment={"PATH": "/nowhere"}
    )
    assert done.returncode == 3
    assert "apt install adb" in done.stderr


@pytest.mark.skipif(shutil.which("adb") is None, reason="needs Android's adb: apt install adb")
def test_the_real_adb_without_a_phone(program, float_file):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    try:
        done = program(
            "benchmark",
            "--android",
            f"--tflite={float_file}",
            environment={"ANDROID_ADB_SERVER_PORT": port},
        )
    finally:
        subprocess.run(["adb", "-P", port, "kill-server"], capture_output=True, check=False)
    assert done.returncode == 3
    assert "No phone was found" in done.stderr


def test_shell_status_and_text(phones, monkeypatch):
    monkeypatch.setenv("PATH", phones().environment()["PATH"])
    answer = Adb("PIXEL7").shell("echo one; false")
    assert (answer.text, answer.status) == ("one\n", 1)
