"""The maps of accuracy against latency: one picture for each machine that was measured."""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docs.speed_tables import MACHINES, milliseconds, suite, title
from keraslight.canvas import INK, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARITHMETIC = ("float", "int8")
# networks of keras.applications; all others are keraslight's
PEERS = ("MobileNet ", "MobileNetV2", "MobileNetV3", "EfficientNet")
OURS_COLOUR, PEERS_COLOUR = "#d1495b", "#2e86ab"
# text stays text, and the same data make the same file
SVG = {"svg.fonttype": "none", "svg.hashsalt": "keraslight"}


@dataclass(frozen=True)
class Point:
    """A network on the map.

    Attributes:
        name: str.
        ms: float, its latency on one thread.
        top1: float, its published accuracy in percent.
    """

    name: str
    ms: float
    top1: float


def points(kind: str, arithmetic: str) -> list[Point]:
    """Returns the networks that were measured on a kind of machine and have an accuracy."""
    return [
        Point(name, milliseconds(kinds[arithmetic]), kinds["float"]["top1"])
        for name, kinds in suite(kind).items()
        if kinds["float"]["top1"] is not None
    ]


def pareto_front(found: Sequence[Point]) -> list[Point]:
    """Returns the points that no other beats in both: as fast or faster, and more accurate."""
    front = []
    for point in sorted(found, key=lambda point: (point.ms, -point.top1)):
        if not front or point.top1 > front[-1].top1:
            front.append(point)
    return front


def draw(kind: str) -> "Figure":
    """Returns the map of a machine: in float on the left, in int8 on the right."""
    with canvas(11, 5.5) as figure:
        figure.suptitle(f"ImageNet top-1 against latency: one thread of an {title(kind)}")
        axes = figure.subplots(1, 2, sharey=True)
        for axis, arithmetic in zip(axes, ARITHMETIC, strict=True):
            _panel(axis, points(kind, arithmetic), arithmetic)
        axes[0].set_ylabel("top-1, published, of the float network (%)")
        axes[0].legend(loc="lower right")
    return figure


def _panel(axis, found, arithmetic):
    front = pareto_front(found)
    axis.step([p.ms for p in front], [p.top1 for p in front], where="post", color=INK, linewidth=1)
    for colour, label, ours in (
        (OURS_COLOUR, "keraslight", True),
        (PEERS_COLOUR, "keras.applications", False),
    ):
        chosen = [p for p in found if p.name.startswith(PEERS) != ours]
        axis.scatter([p.ms for p in chosen], [p.top1 for p in chosen], 18, colour, label=label)
    for point in front:
        axis.annotate(
            point.name,
            (point.ms, point.top1),
            xytext=(-4, 4),
            textcoords="offset points",
            ha="right",
            fontsize=7,
        )
    axis.set_xscale("log")
    ticks = [t for t in (0.5, 1, 2, 3, 5, 10, 20, 50, 100, 200) if _inside(t, found)]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.minorticks_off()
    axis.margins(x=0.2)
    axis.set_title(arithmetic)
    axis.set_xlabel("latency (ms), 224x224 unless published at another size")


def _inside(tick, found):
    return min(p.ms for p in found) / 1.5 < tick < 1.5 * max(p.ms for p in found)


def write_all(folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the map of every machine, where it changed; returns the files that did."""
    import matplotlib

    written = []
    for kind, name in MACHINES.items():
        path = folder / f"latency_{name}.svg"
        before = path.read_bytes() if path.is_file() else None
        with matplotlib.rc_context(SVG):
            draw(kind).savefig(path, metadata={"Date": None})
        if path.read_bytes() != before:
            written.append(path)
    return written
