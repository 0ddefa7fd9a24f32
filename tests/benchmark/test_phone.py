import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from keraslight.benchmark import Phone, PhoneError, PhoneSettings, find_phones, time_files
from keraslight.benchmark.phone import device
from keraslight.benchmark.phone.tool import AppTool
from tests.benchmark import reports
from tests.benchmark.fake_phone import CLASSIC_FLAGS, LITERT_FLAGS, FakePhones
from tests.helpers import table_cells

READY = {"PIXEL7": "device"}


@pytest.fixture
def bench(command, float_file, int8_file, tmp_path, monkeypatch):
    """Runs the benchmark of two files on fake phones; returns click's result and the JSON."""

    def run(phones, tool, *arguments):
        for name, value in phones.environment().items():
            monkeypatch.setenv(name, value)
        out = tmp_path / "out.json"
        done = command(
            "benchmark",
            "--android",
            f"--tflite={float_file},{int8_file}",
            f"--benchmark_binary={tool}",
            "--cool_down=0",
            f"--json={out}",
            *arguments,
        )
        return done, json.loads(out.read_text()) if out.exists() else None

    return run


@pytest.fixture
def phones(tmp_path, monkeypatch):
    monkeypatch.setattr(AppTool, "POLL_SECONDS", 0.1)

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
    assert done.exit_code == 0, done.stderr
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
    assert done.exit_code == 0
    facts = result["runs"][0]["results"][0]["facts"]
    assert facts["delegates"] == {"GPU": "not", "XNNPACK": "partially"}
    assert "the GPU delegate runs the model not" in done.stderr


def test_a_tool_without_the_delegate(bench, phones):
    fake = phones()
    tool = fake.tool(reports.LITERT, LITERT_FLAGS)
    done, result = bench(fake, tool, "--rounds=1", "--delegates=nnapi,cpu")
    assert done.exit_code == 4
    errors = [r["error"] for r in result["runs"][0]["results"]]
    assert "has no nnapi" in errors[0]
    assert errors[2:] == [None, None]


@pytest.mark.parametrize(
    ("states", "arguments", "message"),
    [
        ({}, None, "No phone was found"),
        ({"A": "unauthorized"}, None, "accept the question whether to allow USB debugging"),
        ({"A": "offline"}, None, "unplug it"),
        ({"A": ""}, None, "The phone A is not ready (adb prints no state): unplug it"),
        ({"A": "no permissions (missing udev rules?)"}, None, "udev rules"),
        ({"A": "device", "B": "device"}, None, "choose with --serial=A, several with --serial=A,B"),
        ({"A": "device"}, ["C"], "There is no phone C; there are ['A']"),
        ({"A": "device", "B": "unauthorized"}, ["B"], "The phone B is not ready"),
    ],
)
def test_no_phone_to_use(phones, monkeypatch, states, arguments, message):
    monkeypatch.setenv("PATH", phones(states).environment()["PATH"])
    with pytest.raises(PhoneError, match=re.escape(message)) as error:
        find_phones(arguments)
    assert error.value.exit_code == 3


def test_a_phone_that_is_not_ready_ends_the_program(bench, phones):
    fake = phones({"A": "unauthorized"})
    done, result = bench(fake, fake.tool(reports.CLASSIC))
    assert done.exit_code == 3
    assert done.stderr.startswith("error: The phone A is not ready (unauthorized): unlock")
    assert result is None


def test_a_phone_lost_on_the_way_keeps_what_was_measured(bench, phones):
    fake = phones({"A": "device", "B": "device", "C": "unauthorized"}, lose_at=4)
    done, result = bench(fake, fake.tool(reports.CLASSIC), "--rounds=3", "--serial=all")
    assert done.exit_code == 4
    lost, whole = result["runs"]
    assert "the phone went away" in lost["error"]
    assert [len(r["rounds"]) for r in lost["results"]] == [2, 1]
    assert [len(r["rounds"]) for r in whole["results"]] == [3, 3]
    assert "error: colours_int8: A: the phone went away" in done.stderr
    assert "a folder stays on the phone: adb -s A shell rm -rf" in done.stderr
    assert fake.left_on("B") == []


def test_no_space_on_the_phone(bench, phones):
    fake = phones(no_space=True)
    done, result = bench(fake, fake.tool(reports.CLASSIC))
    assert done.exit_code == 4
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
    assert done.exit_code == 4
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
    assert done.exit_code == 4
    assert "is not a benchmark_model tool; it says: 'hello'" in done.stderr
    assert fake.left_on("PIXEL7") == []


def test_the_app(bench, phones):
    fake = phones()
    apk = fake.tool(reports.CLASSIC)
    done, result = bench(fake, apk, "--rounds=1", "--app", "--threads=2")
    assert done.exit_code == 0, done.stderr
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
    assert done.exit_code == code, done.stderr
    errors = [r["error"] for r in result["runs"][0]["results"]]
    if code:
        assert all("Failed to apply GPU delegate" in error for error in errors)
    else:
        assert errors == [None, None]


@pytest.fixture
def bench_pictures(command, plain_file, picture_folder, monkeypatch):
    def run(phones, tool, *arguments):
        for name, value in phones.environment().items():
            monkeypatch.setenv(name, value)
        return command(
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
        )

    return run


def test_accuracy_on_the_phone(bench_pictures, phones, tmp_path):
    fake = phones()
    out = tmp_path / "out.json"
    done = bench_pictures(fake, fake.tool(reports.CLASSIC), f"--json={out}")
    assert done.exit_code == 0, done.stderr
    (found,) = json.loads(out.read_text())["runs"][0]["on_device"]
    assert (found["pictures"], found["top1"], found["max_difference"]) == (4, 1.0, 0.0)
    assert "the same best class on 100.00% of 4 pictures" in done.stdout
    assert fake.left_on("PIXEL7") == []


def test_accuracy_needs_a_tool_that_takes_inputs(bench_pictures, phones, tmp_path):
    fake = phones()
    out = tmp_path / "out.json"
    done = bench_pictures(fake, fake.tool(reports.LITERT, LITERT_FLAGS), f"--json={out}")
    assert done.exit_code == 4
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


def test_without_adb(command, float_file, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = command("benchmark", "--android", f"--tflite={float_file}")
    assert done.exit_code == 3
    assert "apt install adb" in done.stderr


@pytest.mark.skipif(shutil.which("adb") is None, reason="needs Android's adb: apt install adb")
def test_the_real_adb_without_a_phone(command, float_file, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    try:
        done = command("benchmark", "--android", f"--tflite={float_file}")
    finally:
        subprocess.run(["adb", "-P", port, "kill-server"], capture_output=True, check=False)
    assert done.exit_code == 3
    assert "No phone was found" in done.stderr


def test_shell_status_and_text(phones, monkeypatch):
    monkeypatch.setenv("PATH", phones().environment()["PATH"])
    answer = Phone("PIXEL7").shell("echo one; false")
    assert (answer.text, answer.status) == ("one\n", 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_benchmark_that_is_stopped_leaves_nothing_on_the_phone(
    phones, float_file, int8_file, tmp_path, number
):
    fake, out = phones(), tmp_path / "out.json"
    tool = fake.tool(reports.CLASSIC, hang_on="model1")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "keraslight", "benchmark", "--android"),
            *(f"--tflite={float_file},{int8_file}", f"--benchmark_binary={tool}"),
            f"--json={out}",
        ],
        env={**os.environ, **fake.environment()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # where the tests run in the background, Ctrl-C may be ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    pids = fake.home / "PIXEL7/pids"
    end = time.monotonic() + 60
    while not (pids.exists() and pids.read_text().strip()):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert fake.left_on("PIXEL7") == []
    assert not runs(int(pids.read_text()))
    result = json.loads(out.read_text())
    assert not result["complete"]
    assert [len(r["rounds"]) for r in result["runs"][0]["results"]] == [1, 0]


def runs(pid):
    """Tells whether a process runs; one that nobody waited for yet does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip()[:1] not in ("", "Z")


@pytest.mark.parametrize("average", ["-nan", "nan", "inf", "0", "-3.5"])
def test_a_latency_that_cannot_be_is_an_error_of_its_file(bench, phones, average):
    fake = phones()
    report = reports.CLASSIC.replace("avg=55043.2", f"avg={average}")
    done, result = bench(fake, fake.tool(report), "--rounds=2")
    assert done.exit_code == 4
    errors = [r["error"] for r in result["runs"][0]["results"]]
    assert all("a latency that cannot be" in error for error in errors)


def test_a_tool_that_says_it_failed(bench, phones):
    fake = phones()
    done, result = bench(fake, fake.tool(reports.CLASSIC, fails=True), "--rounds=1")
    assert done.exit_code == 4
    assert "says that it failed" in result["runs"][0]["results"][0]["error"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--cool_down=-1", "-1.0 is not in the range x>=0"),
        ("--json={folder}", "is a directory"),
        ("--timeout=0", "0.0 is not in the range x>0"),
    ],
)
def test_wrong_options_are_refused_before_the_phone_is_asked(
    bench, phones, tmp_path, argument, message
):
    fake = phones()
    done, _ = bench(fake, fake.tool(reports.CLASSIC), argument.format(folder=tmp_path))
    assert done.exit_code == 2
    assert message in done.stderr
    assert fake.calls() == []


def test_a_folder_that_stays_is_told(bench, phones):
    fake = phones(keeps_folders=True)
    done, _ = bench(fake, fake.tool(reports.CLASSIC), "--rounds=1")
    (name,) = fake.left_on("PIXEL7")
    assert "rm: cannot remove: Operation not permitted; a folder stays on the phone" in done.stderr
    assert f"adb -s PIXEL7 shell rm -rf /data/local/tmp/{name}" in done.stderr


def test_a_phone_that_hides_its_processors(bench, phones):
    fake = phones()
    shutil.rmtree(fake.home / "PIXEL7/sys")
    done, _ = bench(fake, fake.tool(reports.CLASSIC), "--rounds=1")
    assert done.exit_code == 1
    assert "does not show its processors" in done.stderr
    done, _ = bench(fake, fake.tool(reports.CLASSIC), "--rounds=1", "--cpus=all")
    assert done.exit_code == 0


def test_timing_on_a_phone_from_python(phones, float_file, monkeypatch):
    fake = phones()
    for name, value in fake.environment().items():
        monkeypatch.setenv(name, value)
    tool, saved = fake.tool(reports.CLASSIC), []
    (phone,) = find_phones()
    report = time_files(
        [float_file],
        phone=phone,
        phone_settings=PhoneSettings(rounds=2, cool_down=0),
        benchmark_binary=tool,
        save=lambda report: saved.append(len(report.measurements[0].rounds)),
    )
    assert saved == [1, 2]
    assert report.measurements[0].latency_ms == 55.0432
    assert report.as_dicts()[0]["model"] == "colours_float"
    with pytest.raises(ValueError, match="`cool_down` must be 0 or more"):
        PhoneSettings(cool_down=-1)
