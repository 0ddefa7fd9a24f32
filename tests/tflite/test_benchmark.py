"""The benchmark on this machine; nothing here depends on how fast it is."""

import json
import os
import sys

import pytest

from keraslight.benchmark import machine
from keraslight.benchmark.results import (
    Case,
    Measurement,
    Round,
    noise_warnings,
    reference_of,
    run_dict,
    table,
)
from tests.helpers import table_cells
from tests.tflite.fake_phone import CLASSIC_FLAGS, FakePhones
from tests.tflite.reports import CLASSIC, CSV_PROFILE


def rounds(*latencies):
    return [Round(runs=10, mean_ms=ms, median_ms=ms, p90_ms=ms * 1.1) for ms in latencies]


def test_two_files_in_one_run(program, float_file, int8_file, tmp_path):
    out = tmp_path / "out.json"
    done = program(
        "benchmark",
        f"--tflite={float_file},{int8_file}",
        "--threads=1,2",
        "--rounds=2",
        "--runs=5",
        f"--json={out}",
        *(["--cpus=0"] if hasattr(os, "sched_setaffinity") else []),
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result["kind"] == "benchmark"
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
        assert 0 < r["rounds"][0]["min_ms"] <= r["rounds"][0]["median_ms"]
        assert r["rounds"][0]["median_ms"] <= r["rounds"][0]["p90_ms"] <= r["rounds"][0]["max_ms"]
        assert r["init_ms"] > 0 and r["first_ms"] > 0 and r["peak_memory_mb"] is not None
        assert r["facts"] == {"operators_outside_delegate": []}
        assert r["statistic"] == "median"
    assert run["results"][0]["ratio"] == 1.0
    assert table_cells(done.stdout)[-1][:3] == ["colours_int8", "2", "xnnpack"]


def test_a_profile_needs_and_takes_a_tool(program, float_file, tmp_path):
    arguments = [f"--tflite={float_file}", "--rounds=1", "--runs=5", "--profile"]
    done = program("benchmark", *arguments)
    assert done.returncode == 1 and "--profile needs --benchmark_binary" in done.stderr
    (tmp_path / "home").mkdir()
    tool = FakePhones(tmp_path / "home", {}).tool(CLASSIC, CLASSIC_FLAGS, CSV_PROFILE)
    out = tmp_path / "out.json"
    done = program("benchmark", *arguments, f"--benchmark_binary={tool}", f"--json={out}")
    assert done.returncode == 0, done.stderr
    profile = json.loads(out.read_text())["runs"][0]["results"][0]["profile"]
    assert [op["type"] for op in profile] == ["TfLiteXNNPackDelegate", "QUANTIZE"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Pass --tflite=FILE,FILE"),
        (["--tflite=missing.tflite"], "There is no such file"),
        (["--tflite={file}", "--threads=0"], "`threads` must be positive"),
        (["--tflite={file}", "--delegates=gpu"], "`delegates` must be of ('xnnpack', 'none') here"),
        (["--tflite={file}", "--cpus=big"], "`cpus` must be numbers here"),
        (["--tflite={file}", "--on_device_accuracy=5"], "needs --android and --data_dir"),
    ],
)
def test_arguments_that_do_not_fit(program, float_file, arguments, message):
    done = program("benchmark", *(a.format(file=float_file) for a in arguments))
    assert done.returncode == 1
    assert (
        f"error: {message}" in done.stderr
        or f"error: --on_device_accuracy {message}" in done.stderr
    )


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
    run = run_dict({"name": "x"}, {}, measurements)
    assert [r.get("ratio") for r in run["results"]] == [1.0, 0.5, 1.0, 0.25, None]
    text = table(run)
    assert table_cells(text)[-1] == ["b", "4", "xnnpack", *[""] * 6]
    assert text.endswith("b, 4 threads, xnnpack failed: it failed")


def test_this_machine(tmp_path):
    assert machine.facts()["cores"] >= 1
    assert machine.copy_bandwidth(1 << 16, 5) > 1e8
    if sys.platform == "linux":
        before = machine.others_seconds()
        assert before > 0 and machine.others_seconds() - before < 60
    if hasattr(os, "sched_setaffinity"):
        with pytest.raises(ValueError, match="There are the processors"):
            machine.pin([4000])
