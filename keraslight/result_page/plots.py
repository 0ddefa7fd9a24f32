"""The pictures of a report, as SVG to be set into a page."""

import io
import re
from collections.abc import Sequence

COLOURS = ("#2a78b5", "#d1662b", "#3f9b4a", "#8d5fb0", "#b8982c", "#4aa3a3")
TEXT = "#123456"  # stands for the page's own colour, which differs by day and by night
# percentage points that the axis of the accuracy spans at least: on some thousand pictures less is
# chance, and an axis of one picture's share would show it as a cliff
LEAST_SPAN = 5


def accuracy_against_latency(table: Sequence[dict]) -> str | None:
    """Draws every model on every device; `None` if no model has both figures."""
    points = [
        (
            row["ms"],
            accuracy,
            row["model"],
            f"{row['device']}, {row['threads']} thr., {row['delegate']}",
        )
        for row in table
        if isinstance(row["ms"], float) and (accuracy := _accuracy(row)) is not None
    ]
    return _scatter(points, "ms for a picture", logarithmic=True)


def accuracy_against_size(table: Sequence[dict]) -> str | None:
    """Draws every model; `None` if no model has an accuracy."""
    points = {
        (row["size MB"], accuracy, row["model"], row["quantization"])
        for row in table
        if (accuracy := _accuracy(row)) is not None
    }
    return _scatter(sorted(points), "MB")


PLOTS = (
    ("Accuracy against latency", accuracy_against_latency),
    ("Accuracy against size", accuracy_against_size),
)


def _accuracy(row):
    found = re.match(r"[\d.]+", str(row["top-1 %"]))
    return float(found[0]) if found else None


def _scatter(points, label, logarithmic=False):
    if not points:
        return None
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("The report needs Matplotlib: pip install keraslight[report]") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator

    keys = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style = {**dict.fromkeys(keys, TEXT), "svg.fonttype": "none", "svg.hashsalt": "keraslight"}
    style["text.parse_math"] = False  # names are no formulas, even with dollar signs
    with plt.rc_context(style):
        figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
        groups = list(dict.fromkeys(point[3] for point in points))
        for index, group in enumerate(groups):
            chosen = [point for point in points if point[3] == group]
            colour = COLOURS[index % len(COLOURS)]
            xs, ys = [p[0] for p in chosen], [p[1] for p in chosen]
            axis.scatter(xs, ys, color=colour, label=group)
        if logarithmic and max(p[0] for p in points) > 4 * min(p[0] for p in points):
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter("")
        axis.set_xlabel(label)
        axis.set_ylabel("top-1 accuracy (%)")
        axis.margins(0.12)
        axis.set_ylim(_accuracy_span([p[1] for p in points]))
        axis.grid(color="#888888", alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8)
        _name_points(axis, points)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :].replace(TEXT, "currentColor")


def _accuracy_span(accuracies):
    """Returns the ends of the axis of accuracies in percent: a margin, and not too short."""
    low, high = min(accuracies), max(accuracies)
    half = max((high - low) * 0.62, LEAST_SPAN / 2)
    middle = (low + high) / 2
    return max(middle - half, min(-1, low)), min(middle + half, max(101, high))


def _name_points(axis, points):
    """Writes the names beside the points; one that would cover others everywhere is left out."""
    axis.figure.canvas.draw()  # fixes where the points lie
    taken = []
    for x, y, name, _ in points:
        for right, up in ((5, 4), (5, -11), (5, 13), (5, -20), (5, 22), (5, -29)):
            text = axis.annotate(name, (x, y), (right, up), textcoords="offset points", fontsize=8)
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            continue  # the table has it
        taken.append(box)
