"""The ratios as Markdown."""

from keraslight.report import markdown_table
from tflite.studies.forms.networks import SIZE, SLACK

FORMATS = {"ratio": ".3f", "goal": ".2f", "ms": ".2f", "x bound": ".2f"}


def forms_table(result: dict) -> str:
    """Returns the ratios as Markdown."""
    device = result["runs"][0]["device"]
    lines = [
        f"Latency of one picture of {SIZE}x{SIZE} on {device['name']}, {device['runtime']}: "
        "medians of ratios within a round, all files in one interleaved run. The bound is the "
        "greater of the time of all multiply-adds, at the peak of their kind of kernel, and of all "
        "traffic, as measured here. Ratios of two runs "
        f"differ by up to {SLACK:.0%}: what misses its goal by no more does so within noise.",
        "",
        markdown_table([_row(figure) for figure in result["figures"]], FORMATS, missing=""),
    ]
    if any(_met(figure) == "no" for figure in result["figures"]):
        lines += [
            "",
            "For what misses its goal, `results/forms_by_choice.md` has what was tried.",
        ]
    return "\n".join(lines)


def _row(figure):
    return {
        "file": figure["file"],
        "over": figure["reference"],
        "threads": figure["threads"],
        "ratio": figure["ratio"],
        "goal": figure["goal"],
        "met": _met(figure),
        "ms": figure["median_ms"],
        "x bound": figure["over_bound"],
    }


def _met(figure):
    """Returns what the table says of a goal."""
    ratio, goal = figure["ratio"], figure["goal"]
    if goal is None:
        return ""
    return "yes" if ratio <= goal else "within noise" if ratio <= goal * (1 + SLACK) else "no"
