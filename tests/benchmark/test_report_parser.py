import pytest

from keraslight.benchmark.phone.report_parser import ReportError, parse_profile, parse_report
from tests.benchmark import reports


def test_the_classic_report():
    report = parse_report(reports.CLASSIC)
    assert (report.round.runs, report.round.mean_ms) == (50, 55.0432)
    assert (report.round.min_ms, report.round.max_ms) == (53.077, 60.727)
    assert report.round.median_ms is None
    assert (report.init_ms, report.first_ms) == (18.777, 64.791)
    assert report.warmup_ms == pytest.approx(57.7582)
    assert report.peak_memory_mb == 18.7227
    assert report.delegates == {"XNNPACK": "partially"}
    assert report.nodes == {"TfLiteXNNPackDelegate": [150, 151]}


def test_the_litert_report():
    report = parse_report(reports.LITERT)
    assert (report.round.runs, report.round.median_ms, report.round.p95_ms) == (1054, 0.942, 0.991)
    assert (report.init_ms, report.first_ms) == (5.76, 2.12)
    assert report.peak_memory_mb == 7.07
    assert report.nodes == {"TfLiteXNNPackDelegate": [151, 151]}


def test_percentiles_prefixes_and_powers_of_ten():
    report = parse_report(reports.PREFIXED)
    assert report.round.mean_ms == pytest.approx(1007.53)
    assert (report.round.median_ms, report.round.p95_ms) == (54.9, 58.9)
    assert report.round.latency_ms == 54.9


def test_logcat():
    report = parse_report(reports.LOGCAT)
    assert (report.round.runs, report.round.mean_ms, report.init_ms) == (75, 12.1676, 126.059)
    assert report.delegates == {"NNAPI": "partially"}


@pytest.mark.parametrize(
    ("text", "mean", "init"),
    [
        (reports.SHORTENED, 14.5752, 5.685),
        (reports.OF_2019, 66.7676, 9.933),
        (reports.SINGLE_RUN, 4.1, 0.9),
    ],
)
def test_other_forms(text, mean, init):
    report = parse_report(text)
    assert report.round.mean_ms == pytest.approx(mean)
    assert report.init_ms == pytest.approx(init)


def test_memory_watched_by_the_tool_is_preferred():
    assert parse_report(reports.SINGLE_RUN).peak_memory_mb == 21.5
    assert parse_report(reports.OF_2019).peak_memory_mb == 12.8672


def test_a_delegate_that_was_not_applied():
    assert parse_report(reports.NOT_APPLIED).delegates["GPU"] == "not"


@pytest.mark.parametrize("text", ["", "Segmentation fault", "count=0\navg", "a" * 1000])
def test_what_is_no_report(text):
    with pytest.raises(ReportError, match="no latency"):
        parse_report(text)


def test_the_csv_profile_is_that_of_the_regular_runs():
    profile = parse_profile(reports.CSV_PROFILE)
    assert [op["type"] for op in profile] == ["TfLiteXNNPackDelegate", "QUANTIZE"]
    assert profile[0] == {
        "type": "TfLiteXNNPackDelegate",
        "name": "[a,b]:151",
        "mean_ms": 1.75,
        "percent": 97.2,
    }


def test_the_profile_as_a_table_with_the_old_column():
    profile = parse_profile(reports.TABLE_PROFILE)
    assert [op["name"] for op in profile] == ["stem/Relu6", "Softmax"]
    assert profile[0]["mean_ms"] == 4.269


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "===== Run Order =====\nnode type, avg_ms\nCONV_2D, much\n"],
)
def test_what_is_no_profile(text):
    with pytest.raises(ReportError):
        parse_profile(text)
