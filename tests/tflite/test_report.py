import csv
import json
import re

import pytest

from keraslight.result_page.data import collect, rows
from tests.tflite.conftest import CLASSES


def facts(name, quantization="float32"):
    return {
        "name": name,
        "file": f"{name}.tflite",
        "sha256": name * 8,
        "size_bytes": 2_000_000,
        "quantization": quantization,
        "input_shape": [1, 32, 32, 3],
        "macs": 20_736,
        "traffic_bytes": 1000,
        "operators": {"CONV_2D": 1},
    }


def result(model, ms, error=None):
    measured = {"latency_ms": ms, "p90_ms": ms, "spread": 0.01, "ratio": 1.0}
    profile = [{"type": "CONV_2D", "name": "<stem>", "mean_ms": 0.1, "percent": 100.0}]
    return {
        "model": model,
        "threads": 1,
        "delegate": "xnnpack",
        "init_ms": 3.0,
        "peak_memory_mb": None,
        "profile": profile,
        "error": error,
        **({} if error else measured),
    }


BENCHMARK = {
    "kind": "benchmark",
    "created": "2026-01-01T00:00:00+00:00",
    "command": "python -m tflite.benchmark --tflite=a.tflite",
    "models": [facts("a"), facts("b", "int8")],
    "runs": [
        {
            "device": {"name": "Pixel <7>", "kind": "android", "governor": None},
            "settings": {"rounds": 5, "before": None},
            "results": [result("a", 4.0), result("b", 2.0)],
            "warnings": ["noisy & hot"],
        },
        {
            "device": {"name": "Other", "kind": "android"},
            "settings": {},
            "results": [result("a", 9.0), result("b", None, "the phone went away")],
            "warnings": [],
            "error": "the phone went away",
        },
    ],
}
EVALUATION = {
    "kind": "evaluation",
    "model": {**facts("a"), "name": "another name"},
    "data": {"source": "pictures/val", "classes": 3, "unreadable": 0},
    "preprocessing": {"resize": 37},
    "pictures": 24,
    "top1": 0.875,
    "top5": 1.0,
    "per_class": {name: {"pictures": 8, "top1": 0.5, "top5": 1.0} for name in CLASSES},
}


@pytest.fixture
def documents(tmp_path):
    for name, values in (("bench", BENCHMARK), ("accuracy", EVALUATION)):
        (tmp_path / f"{name}.json").write_text(json.dumps(values))
    return [tmp_path / "bench.json", tmp_path / "accuracy.json"]


def test_a_page_that_needs_nothing_beside_it(program, documents, tmp_path):
    done = program("report", *documents, "--title=Two & two", f"--output_dir={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out/report.html").read_text()
    assert "<title>Two &amp; two</title>" in page
    assert "Pixel &lt;7&gt;" in page and "noisy &amp; hot" in page and "&lt;stem&gt;" in page
    assert page.count("<svg") == 2
    outside = re.findall(r'(?:src|href)="(?!#)([^"]+)"', page)
    assert outside == []  # neither pictures nor styles nor scripts from elsewhere
    assert "currentColor" in page and "#123456" not in page
    with (tmp_path / "out/report.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [(row["model"], row["device"], row["ms"]) for row in table] == [
        ("a", "Pixel <7>", "4.0"),
        ("a", "Other", "9.0"),
        ("b", "Pixel <7>", "2.0"),
        ("b", "Other", "failed: the phone went away"),
    ]
    assert [row["top-1 %"] for row in table] == ["87.5", "87.5", "", ""]
    markdown = (tmp_path / "out/report.md").read_text()
    assert "| a | float32 | 2.0 | 0.0 | 87.5 | 100.0 | Pixel <7> |" in markdown
    assert "- warning: the phone went away" in markdown


def test_files_of_the_same_content_are_one_model():
    report = collect([EVALUATION, BENCHMARK])
    assert [model["name"] for model in report.models] == ["another name", "b"]
    assert len(rows(report)) == 4
    card = report.models[0]["card"]
    assert card["accuracy"].startswith("top-1 87.50%")
    assert card["hardest classes"] == "blue 50.0%, green 50.0%, red 50.0%"


def test_published_accuracies_stand_beside_float_files_only():
    suite = [
        {"name": "net", "kind": kind, "top1": 71.8, "source": "its paper"}
        for kind in ("float", "int8")
    ]
    names = ("net float", "net int8")
    run = {"device": {"name": "x"}, "settings": {}, "warnings": []}
    run["results"] = [result(name, 1.0) for name in names]
    document = {**BENCHMARK, "models": [facts(n) for n in names], "runs": [run], "suite": suite}
    found = rows(collect([document]))
    assert [row["top-1 %"] for row in found] == ["71.8 (published)", ""]


def test_what_is_no_result(program, tmp_path):
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "text.json").write_text("text")
    (tmp_path / "other.json").write_text('{"kind": "poem"}')
    (tmp_path / "part.json").write_text('{"kind": "benchmark"}')
    for arguments, message in (
        ([], "Pass the JSON files"),
        (["list.json"], "no result of the programs here"),
        (["text.json"], "cannot be read as JSON"),
        (["other.json"], "Received: kind='poem'"),
        (["part.json"], "'benchmark' is not complete"),
    ):
        done = program("report", *arguments)
        assert done.returncode == 1
        assert message in done.stderr and "Traceback" not in done.stderr
