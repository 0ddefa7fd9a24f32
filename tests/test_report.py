"""Markdown tables and the base class of reports."""

from typing import ClassVar

import numpy as np
import pytest

from keraslight.report import Report, markdown_table, name_rows


class Shares(Report):
    formats: ClassVar = {"share": ".1%"}

    def as_dicts(self):
        return [{"name": "a", "share": 0.25}, {"name": "b|c", "share": None}]

    def _draw(self, ax):
        ax.barh([0, 1], [row["share"] or 0 for row in self.as_dicts()], label="share")
        name_rows(ax, [row["name"] for row in self.as_dicts()])


def test_tables_align_numbers_to_the_right_and_escape_what_would_end_a_cell():
    rows = [{"name": "a|b\nc", "count": np.int64(7)}, {"name": "d", "count": 1000}]
    assert markdown_table(rows).splitlines() == [
        "| name   |   count |",
        "|:-------|--------:|",
        r"| a\|b c |       7 |",
        "| d      |    1000 |",
    ]


def test_tables_format_columns_and_write_a_dash_for_none():
    assert str(Shares()).splitlines()[2:] == ["| a      |   25.0% |", r"| b\|c   |       - |"]
    assert len(Shares().table(rows=1).splitlines()) == 3
    with pytest.raises(ValueError, match=r"at least one row. Received: rows=\[\]"):
        markdown_table([])


def test_reports_draw_on_a_new_figure_or_on_given_axes(tmp_path):
    figure_module = pytest.importorskip("matplotlib.figure")
    ax = Shares().plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b|c"]
    assert len(ax.figure.legends) == 1
    ax.figure.savefig(tmp_path / "shares.png")
    assert (tmp_path / "shares.png").read_bytes().startswith(b"\x89PNG")
    given = figure_module.Figure().subplots()
    assert Shares().plot(given) is given
    assert len(given.patches) == 2 and not given.figure.legends


def test_a_subclass_must_say_what_it_reports():
    with pytest.raises(NotImplementedError, match="Report must define `as_dicts`"):
        Report().table()
