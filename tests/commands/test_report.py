import csv
import json
import re
from xml.etree import ElementTree

import pytest

from keraslight.result_page import write_report
from keraslight.result_page.data import collect, rows
from keraslight.result_page.plots import _accuracy_span
from tests.colours import CLASSES


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


def test_a_page_that_needs_nothing_beside_it(command, documents, tmp_path):
    done = command("report", *documents, "--title=Two & two", f"--output_dir={tmp_path / 'out'}")
    assert done.exit_code == 0, done.output
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
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in markdown.splitlines()]
    assert cells[4][:7] == ["a", "float32", "2.00", "0.0", "87.50", "100.00", "Pixel &lt;7&gt;"]
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
    assert [row["top-1 %"] for row in found] == ["71.8 (published)", None]


def test_what_is_no_result(command, tmp_path):
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "text.json").write_text("text")
    (tmp_path / "other.json").write_text('{"kind": "poem"}')
    (tmp_path / "part.json").write_text('{"kind": "benchmark"}')
    (tmp_path / "kind.json").write_text('{"kind": ["a"]}')
    (tmp_path / "none.json").write_text(json.dumps({**EVALUATION, "pictures": 0}))
    run = {**BENCHMARK["runs"][0]}
    run["results"] = [{**run["results"][0], "latency_ms": "x"}]
    (tmp_path / "ms.json").write_text(json.dumps({**BENCHMARK, "runs": [run]}))
    refused = {"kind": "conversion", "model": "net", "files": [{**facts("a"), "kept": False}]}
    (tmp_path / "refused.json").write_text(json.dumps(refused))
    (tmp_path / "cards.json").write_text(json.dumps({**EVALUATION, "per_class": [1]}))
    for arguments, code, message in (
        ([], 2, "Missing argument"),
        (["missing.json"], 2, "does not exist"),
        (["list.json"], 1, "must be a result of evaluate, benchmark or convert"),
        (["text.json"], 1, "cannot be read as JSON"),
        (["other.json"], 1, "Received: kind='poem'"),
        (["part.json"], 1, "'benchmark' is not complete"),
        (["kind.json"], 1, "Received: kind=['a']"),
        (["none.json"], 1, "The results of another name are not complete"),
        (["ms.json"], 1, "The results of a are not complete"),
        (["refused.json"], 1, "a conversion shows the files that were kept"),
        (["cards.json"], 1, "The results of another name are not complete"),
    ):
        done = command("report", *arguments)
        assert done.exit_code == code
        assert message in " ".join(done.stderr.split())


HOSTILE = [
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "[click](javascript:alert(1))",
    "\x1b]0;title\x07\x1b[31mred",
    r"$\frac{1}$",
    "new\nline",
]


def hostile_results(name):
    """Returns results in which every text is a given one."""

    def renamed(values):
        if isinstance(values, dict):
            return {key: renamed(value) for key, value in values.items()}
        if isinstance(values, list):
            return [renamed(value) for value in values]
        return name if isinstance(values, str) else values

    model = {**renamed(facts("a")), "operators": {name: 1}}
    run = renamed(BENCHMARK["runs"][0])
    run["results"] = [{**run["results"][0], "model": name}]
    benchmark = {**renamed(BENCHMARK), "kind": "benchmark", "models": [model], "runs": [run]}
    evaluation = {**renamed(EVALUATION), "kind": "evaluation", "model": model}
    evaluation["per_class"] = {name: EVALUATION["per_class"]["red"]}
    evaluation["names"] = {name: name}
    return [benchmark, evaluation]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_names(name, tmp_path):
    page, markdown, table = write_report(tmp_path, hostile_results(name), title=name)
    assert "<script" not in page.read_text()
    text = markdown.read_text()
    assert "<script" not in text and "[click](" not in text
    assert text.replace("\n", "").isprintable()
    svgs = re.findall(r"<svg.*?</svg>", page.read_text(), re.S)
    assert len(svgs) == 2
    for svg in svgs:
        drawn = ElementTree.fromstring(svg)  # well-formed
        assert any("frac" in (e.text or "") for e in drawn.iter()) == ("frac" in name)
    with table.open() as file:
        (row,) = csv.DictReader(file)
    assert row["model"][0] not in "=+-@\t\r\x1b" and row["device"][0] not in "=+-@"


def test_columns_without_values_are_left_out(tmp_path):
    page, *_ = write_report(tmp_path, [EVALUATION])
    head = re.search("<thead>.*?</thead>", page.read_text(), re.S)[0]
    columns = re.findall(r"<th[^>]*>([^<]*)</th>", head)
    assert columns == ["model", "quantization", "size MB", "M MACs", "top-1 %", "top-5 %"]


def test_the_axis_of_the_accuracy_spans_five_points_at_least():
    assert _accuracy_span([84.25, 84.30]) == pytest.approx((81.775, 86.775))
    assert _accuracy_span([20.0, 80.0])[0] < 20 and _accuracy_span([20.0, 80.0])[1] > 80
    assert _accuracy_span([100.0])[1] <= 101 and _accuracy_span([0.0])[0] >= -1


def test_a_benchmark_that_ended_early_says_so():
    report = collect([{**BENCHMARK, "complete": False}])
    assert all("not complete" in device["warnings"][-1] for device in report.devices)


def test_classes_are_shown_by_their_names():
    report = collect([{**EVALUATION, "names": {"blue": "like the sky"}}])
    assert report.models[0]["card"]["hardest classes"].startswith("like the sky 50.0%")
