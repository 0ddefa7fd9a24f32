"""The benchmark on this machine; nothing here depends on how fast it is."""

import json
import os
import sys

import numpy as np
import pytest

from keraslight.benchmark import (
    Case,
    Measurement,
    Round,
    TimingReport,
    desktop,
    machine,
    time_files,
)
from keraslight.benchmark.report import ResultFile
from keraslight.benchmark.results import noise_warnings, reference_of
from keraslight.tflite.model_file import ModelFile
from tests.benchmark.fake_phone import CLASSIC_FLAGS, FakePhones
from tests.benchmark.reports import CLASSIC, CSV_PROFILE
from tests.helpers import table_cells


def rounds(*latencies):
    return [Round(runs=10, mean_ms=ms, median_ms=ms, p90_ms=ms * 1.1) for ms in latencies]


@pytest.fixture
def scripted(monkeypatch):
    """Lets every visit of a file take given milliseconds; returns the log of the visits."""
    visits, latencies = [], {}

    class Session:
        dynamic_batch = False

        def __init__(self, path, threads, xnnpack):
            self.name = ModelFile(path).name

        def latencies(self, runs, warmup):
            visits.append(self.name)
            ms = latencies[self.name][visits.count(self.name) - 1]
            return np.full(runs, ms / 1e3)

    monkeypatch.setattr(desktop, "LiteRTSession", Session)
    monkeypatch.setattr(desktop, "_in_fresh_process", lambda *arguments: {})

    def script(**given):
        latencies.update(given)
        return visits

    return script


def test_every_round_visits_every_file(scripted, float_file, int8_file):
    visits = scripted(colours_float=[10, 20, 12], colours_int8=[5, 11, 6])
    saved = []
    report = time_files(
        [float_file, int8_file],
        rounds=3,
        runs=4,
        save=lambda report: saved.append([len(m.rounds) for m in report.measurements]),
    )
    assert visits == ["colours_float", "colours_int8"] * 3
    assert saved == [[1, 1], [2, 2], [3, 3]]
    first, second = report.measurements
    assert [r.median_ms for r in first.rounds] == pytest.approx([10, 20, 12])
    assert (first.latency_ms, second.latency_ms) == pytest.approx((12, 6))
    assert second.ratio(first) == pytest.approx(0.5)
    assert [row["ratio"] for row in report.as_dicts()] == pytest.approx([1, 0.5])
    assert table_cells(report.table(rows=1))[1][:4] == ["colours_float", "1", "xnnpack", "12.000"]


def test_an_interrupted_benchmark_keeps_its_rounds(scripted, float_file, tmp_path):
    scripted(colours_float=[10, 20, 12])
    out = tmp_path / "out.json"
    result = ResultFile(out, [ModelFile(float_file)])

    def interrupt(text):
        if text == "round 3 of 5":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        time_files([float_file], rounds=5, runs=1, show=interrupt, save=lambda r: result.save([r]))
    kept = json.loads(out.read_text())
    assert [r["median_ms"] for r in kept["runs"][0]["results"][0]["rounds"]] == [10, 20]
    assert not kept["complete"]


def test_figures_of_a_visit():
    found = Round.of(np.array([4.0, 1.0, 2.0, 3.0, 10.0]))
    assert (found.runs, found.mean_ms, found.median_ms) == (5, 4.0, 3.0)
    assert (found.min_ms, found.max_ms) == (1.0, 10.0)
    assert found.p90_ms == pytest.approx(7.6)


def test_two_files_in_one_run(command, float_file, int8_file, tmp_path):
    out = tmp_path / "out.json"
    done = command(
        "benchmark",
        f"--tflite={float_file},{int8_file}",
        "--threads=1,2",
        "--rounds=2",
        "--runs=5",
        f"--json={out}",
    )
    assert done.exit_code == 0, done.stderr
    result = json.loads(out.read_text())
    assert (result["kind"], result["complete"]) == ("benchmark", True)
    assert {"commit", "versions", "device"} <= result["record"].keys()
    assert [m["name"] for m in result["models"]] == ["colours_float", "colours_int8"]
    (run,) = result["runs"]
    assert run["device"]["runtime"].startswith("ai-edge-litert ")
    assert [(r["model"], r["threads"]) for r in run["results"]] == [
        ("colours_float", 1),
        ("colours_int8", 1),
        ("colours_float", 2),
        ("colours_int8", 2),
    ]
    for r in run["results"]:
        assert len(r["rounds"]) == 2
        assert r["init_ms"] > 0 and r["first_ms"] > 0 and r["peak_memory_mb"] is not None
        assert r["facts"] == {"operators_outside_delegate": []}
        assert r["statistic"] == "median"
    assert run["results"][0]["ratio"] == 1.0
    assert table_cells(done.stdout)[-1][:3] == ["colours_int8", "2", "xnnpack"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_the_processors_are_pinned(command, scripted, float_file, monkeypatch):
    pinned = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cpus: pinned.append(cpus))
    scripted(colours_float=[1.0])
    done = command("benchmark", f"--tflite={float_file}", "--rounds=1", "--runs=1", "--cpus=0,1")
    assert (done.exit_code, pinned) == (0, [[0, 1]])


def test_a_profile_takes_a_tool(command, scripted, float_file, tmp_path, monkeypatch):
    scripted(colours_float=[1.0])
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PHONE", str(tmp_path))
    tool = FakePhones(tmp_path / "home", {}).tool(CLASSIC, CLASSIC_FLAGS, CSV_PROFILE)
    out = tmp_path / "out.json"
    done = command(
        "benchmark",
        f"--tflite={float_file}",
        "--rounds=1",
        "--runs=1",
        "--profile",
        f"--benchmark_binary={tool}",
        f"--json={out}",
    )
    assert done.exit_code == 0, done.stderr
    profile = json.loads(out.read_text())["runs"][0]["results"][0]["profile"]
    assert [op["type"] for op in profile] == ["TfLiteXNNPackDelegate", "QUANTIZE"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing option '--tflite'"),
        (["--tflite=missing.tflite"], 2, "'missing.tflite' does not exist"),
        (["--tflite={file}", "--threads=0"], 2, "0 is not in the range x>=1"),
        (["--tflite={file}", "--delegates=gpu"], 1, "must be of ('xnnpack', 'none') here"),
        (["--tflite={file}", "--cpus=big"], 1, "`cpus` must be numbers here"),
        (["--tflite={file}", "--profile"], 1, "--profile needs --benchmark_binary"),
        (["--tflite={file}", "--benchmark_binary={file}"], 2, "Received: --benchmark_binary"),
        (["--tflite={file}", "--benchmark_sha256=0"], 2, "Received: --benchmark_sha256"),
        (["--tflite={file}", "--resize=64"], 2, "These need --on_device_accuracy. Received: --re"),
        (["--tflite={file}", "--on_device_accuracy=5"], 1, "needs --android and --data_dir"),
        (
            ["--tflite={file}", "--app", "--serial=A"],
            2,
            "need --android. Received: --serial, --app",
        ),
        (["--tflite={file}", "--json=."], 2, "is a directory"),
        (["--tflite={file}", "--json={file}/x.json"], 1, "No result can be written"),
    ],
)
def test_arguments_that_do_not_fit(command, float_file, arguments, code, message):
    done = command("benchmark", *(a.format(file=float_file) for a in arguments))
    assert done.exit_code == code, done.output
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threads": []}, "`threads` must be positive"),
        ({"delegates": ["gpu"]}, "`delegates` must be of"),
        ({"rounds": 0}, "`rounds` must be positive"),
        ({"files": []}, "There must be a file"),
    ],
)
def test_arguments_of_python_that_do_not_fit(float_file, arguments, message):
    with pytest.raises(ValueError, match=message):
        time_files(**{"files": [float_file], **arguments})


def test_figures_of_the_rounds():
    first = Measurement(Case("a"), rounds(10, 20, 12))
    second = Measurement(Case("b"), rounds(5, 11, 6))
    assert first.latency_ms == 12
    assert second.ratio(first) == 0.5  # the median of .5, .55 and .5, not 6 / 12 by chance
    assert Measurement(Case("b"), rounds(5, 20, 9)).ratio(first) == 0.75
    assert first.spread == pytest.approx(10 / 12)
    assert first.tail() == ("p90", pytest.approx(13.2))
    only_means = Measurement(Case("c"), [Round(runs=50, mean_ms=3.0)])
    assert (only_means.latency_ms, only_means.tail()) == (3.0, None)


def test_five_runs_within_five_percent_or_a_warning():
    quiet = Measurement(Case("quiet"), rounds(10.0, 10.1, 10.2, 10.3, 10.4))
    noisy = Measurement(Case("noisy"), rounds(10.0, 10.1, 10.2, 10.3, 10.8))
    (warning,) = noise_warnings([quiet, noisy])
    assert "the rounds of noisy, 1 thread, xnnpack lie 8% apart" in warning


def test_ratios_are_to_the_first_file_alike():
    measurements = [
        Measurement(Case("a", 1), rounds(10)),
        Measurement(Case("b", 1), rounds(5)),
        Measurement(Case("a", 2), rounds(8)),
        Measurement(Case("b", 2), rounds(2)),
        Measurement(Case("b", 4), error="it failed"),
    ]
    assert reference_of(Case("b", 2), measurements) is measurements[2]
    report = TimingReport([], {"name": "x"}, {}, measurements)
    assert report.failed
    assert [r.get("ratio") for r in report.to_dict()["results"]] == [1.0, 0.5, 1.0, 0.25, None]
    assert table_cells(str(report))[-1] == ["b", "4", "xnnpack", *[""] * 6]
    assert str(report).endswith("b, 4 threads, xnnpack failed: it failed")
    widths = [bar.get_width() for bar in report.plot().patches]
    assert widths == [10, 5, 8, 2]


def test_this_machine(tmp_path):
    assert machine.facts()["cores"] >= 1
    assert machine.copy_bandwidth(1 << 16, 5) > 1e8
    if sys.platform == "linux":
        before = machine.others_seconds()
        assert before > 0 and machine.others_seconds() - before < 60
    if hasattr(os, "sched_setaffinity"):
        with pytest.raises(ValueError, match="There are the processors"):
            machine.pin([4000])
