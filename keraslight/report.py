"""Markdown tables, and the base class of all reports."""

import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from tabulate import tabulate

from keraslight.canvas import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def markdown_table(
    rows: Sequence[Mapping[str, object]],
    formats: Mapping[str, str] | None = None,
    missing: str = "-",
) -> str:
    """Returns rows as a Markdown table.

    Columns of numbers are aligned to the right, all others to the left.

    Args:
        rows: dicts from the names of the columns to the values. All have the columns of the first.
        formats: optional format specifications by column, such as `{"share": ".1%"}`.
        missing: what stands for `None`.

    Raises:
        ValueError: if there are no rows.
    """
    if not rows:
        raise ValueError(f"A table needs at least one row. Received: rows={rows!r}")
    columns, formats = list(rows[0]), formats or {}
    cells = [[_cell(row[name], formats.get(name, ""), missing) for name in columns] for row in rows]
    alignments = [
        "right" if all(isinstance(row[name], numbers.Number | None) for row in rows) else "left"
        for name in columns
    ]
    return tabulate(
        cells,
        headers=[_escaped(name) for name in columns],
        tablefmt="pipe",
        colalign=alignments,
        disable_numparse=True,
    )


def _cell(value, specification, missing):
    return missing if value is None else _escaped(format(value, specification))


def _escaped(text):
    """Returns text that stays inside its cell."""
    return " ".join(str(text).replace("|", "\\|").splitlines())


class Report:
    """The base class of reports: rows of numbers to print, to tabulate and to draw.

    A subclass returns its rows in `as_dicts` and draws them in `_draw`. It sets `formats` if the
    table of `as_dicts` needs formats, or overrides `table`.

    Attributes:
        formats: dict, the format specifications of `table` by column.
    """

    formats: ClassVar[Mapping[str, str]] = {}

    def as_dicts(self) -> list[dict]:
        """Returns the rows as dicts of plain values, ready for JSON or CSV."""
        raise NotImplementedError(f"{type(self).__name__} must define `as_dicts`.")

    def table(self, rows: int | None = None) -> str:
        """Returns the report as a Markdown table.

        Args:
            rows: optional int, the largest number of rows. All rows by default.
        """
        return markdown_table(self.as_dicts()[:rows], self.formats)

    def __str__(self):
        return self.table()

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draws the report.

        To save the figure: `report.plot().figure.savefig(path)`.

        Args:
            ax: optional matplotlib `Axes` to draw on; call `ax.legend()` for a legend. By default
                the report is drawn on a new figure, with a legend.

        Returns:
            The matplotlib `Axes`.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        if ax is not None:
            self._draw(ax)
            return ax
        with canvas(*self._figure_size()) as figure:
            ax = figure.subplots()
            self._draw(ax)
            _, labels = ax.get_legend_handles_labels()
            if labels:
                figure.legend(loc="outside upper center", ncols=len(labels), fontsize=9)
        return ax

    def _figure_size(self) -> tuple[float, float]:
        """Returns the width and the height of a new figure, in inches: a line for each row."""
        return 8, 0.19 * len(self.as_dicts()) + 1.2

    def _draw(self, ax: "Axes") -> None:
        """Draws the report on `ax`. Artists with a `label` get into the legend."""
        raise NotImplementedError(f"{type(self).__name__} must define `_draw`.")


def name_rows(ax: "Axes", names: Sequence[str]) -> None:
    """Writes a name beside each of the horizontal bars of `ax`, the first at the top."""
    ax.set_yticks(range(len(names)), names, fontsize=7)
    ax.set_ylim(len(names) - 0.5, -0.5)
