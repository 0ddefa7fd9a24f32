"""Pictures that read well on light and on dark pages alike."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# a grey of about the same contrast to white and to a dark page
INK = "#767676"
STYLE = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}
DPI = 120


@contextlib.contextmanager
def canvas(
    width: float, height: float, path: str | os.PathLike | None = None
) -> Iterator["Figure"]:
    """Gives a figure to draw on, which is then written to a file.

    Args:
        width: float, in inches.
        height: float, in inches.
        path: optional path of the picture, whose ending says its kind.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("Pictures need matplotlib: pip install keraslight[visualize]") from error
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        yield figure
        if path is not None:
            figure.savefig(path)
