"""Figures that are easy to read on light and on dark pages."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# a grey whose contrast to white and to a dark page is about the same
INK = "#767676"
STYLE = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}
DPI = 120


@contextlib.contextmanager
def canvas(width: float, height: float) -> Iterator["Figure"]:
    """Yields a new matplotlib figure with a transparent background.

    Everything that is drawn inside the `with` block has the style of the project. Save the figure
    with `figure.savefig(path)`, inside the block or after it.

    Args:
        width: float, in inches.
        height: float, in inches.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Figures need matplotlib: pip install keraslight[visualize]. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), dpi=DPI, layout="constrained")
