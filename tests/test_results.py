"""Results say how they were made, and the tables of the documentation are made from them."""

import json
import pathlib
import re
import shlex

import pytest
from click.testing import CliRunner

from docs import latency_map, made_tables, measure, speed_tables, tables
from keraslight.record import read_record
from training.studies.census.shares import shares

RESULTS = tables.RESULTS
# measured or counted; pages are made from them
FILES = sorted(
    path
    for path in RESULTS.iterdir()
    if path.suffix != ".md" and not path.name.endswith(".record.json")
)
PAGES = [page for page in tables.pages() if tables.TABLE.search(page.read_text())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_result_has_a_record(path):
    record = read_record(path)
    assert record, "write it with keraslight.record.write_result"
    assert {"command", "commit", "date", "versions", "device"} <= set(record)
    words = shlex.split(record["command"])
    assert words[0] == "keraslight" or "python" in words[:2]
    # a shell would take brackets, spaces and dollars outside of quotes as its own
    bare = re.sub(r"'[^']*'", "", record["command"])
    assert not set(bare) & set("()$;&|<>`")


def test_no_record_is_left_of_a_result_that_is_gone():
    stems = {path.name.split(".")[0] for path in FILES}
    records = {path.name.removesuffix(".record.json") for path in RESULTS.glob("*.record.json")}
    assert records <= stems


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(tables.ROOT)))
def test_the_tables_of_a_page_are_those_of_the_results(page):
    assert tables.with_tables(page.read_text()) == page.read_text(), "run python -m docs.tables"


def test_every_table_is_on_a_page():
    used = {name for page in PAGES for _, name, _ in tables.TABLE.findall(page.read_text())}
    assert used == set(tables.TABLES)


def test_pages_of_results_hold_no_other_table():
    for page in RESULTS.glob("*.md"):
        assert "|" not in tables.TABLE.sub("", page.read_text()), page.name


@pytest.mark.parametrize("kind", speed_tables.MACHINES)
def test_every_machine_has_its_map(kind):
    """Run `python -m docs.tables` after a new measurement."""
    text = (tables.ROOT / "docs" / f"latency_{speed_tables.MACHINES[kind]}.svg").read_text()
    assert speed_tables.title(kind) in text
    for arithmetic in latency_map.ARITHMETIC:
        front = latency_map.pareto_front(latency_map.points(kind, arithmetic))
        assert len(front) > 3 and all(f">{point.name}<" in text for point in front)
    for page in ("README.md", "docs/choose.md"):
        assert f"latency_{speed_tables.MACHINES[kind]}.svg" in (tables.ROOT / page).read_text()


def test_the_front_holds_what_nothing_beats():
    points = [
        latency_map.Point(name, ms, top1)
        for name, ms, top1 in (("c", 3, 70), ("a", 1, 60), ("d", 3, 71), ("b", 2, 60), ("e", 9, 71))
    ]
    assert [point.name for point in latency_map.pareto_front(points)] == ["a", "d"]


def test_a_map_that_did_not_change_stays(tmp_path):
    assert len(latency_map.write_all(tmp_path)) == len(speed_tables.MACHINES)
    assert latency_map.write_all(tmp_path) == []


def test_the_best_within_a_time():
    def kinds(top1, float_ms, int8_ms):
        return {
            kind: {"top1": top1, "threads": {"1": {"median_ms": ms}}}
            for kind, ms in (("float", float_ms), ("int8", int8_ms))
        }

    networks = {"a": kinds(60, 3, 1), "b": kinds(70, 4, 5), "c": kinds(None, 0.1, 0.1)}
    assert speed_tables._within(networks, 4) == "b, float: 70.0 % in 4.00 ms"
    assert speed_tables._within(networks, 2) == "a, int8: 60.0 % in 1.00 ms"
    assert speed_tables._within(networks, 0.5) is None


def test_the_program_mends_a_table(monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    kept = "Before.\n\n<!-- table replacement -->\n{}<!-- end -->\n\nAfter.\n"
    page.write_text(kept.format("| typed by hand |\n"))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(latency_map, "MACHINES", {})
    monkeypatch.setattr(tables, "pages", lambda: [page])
    assert "page.md has new tables" in CliRunner().invoke(tables.command, []).output
    assert page.read_text() == kept.format(made_tables.replacement() + "\n")
    assert CliRunner().invoke(tables.command, []).output == ""


def test_counted_costs_are_what_the_program_counts():
    (expected,) = (r for r in made_tables.read_csv("models.csv") if r["model"] == "vgnetg_1_0mp")
    (found,) = measure.models(["vgnetg_1_0mp"])
    assert {key: str(found[key]) for key in expected} == expected


def test_costs_of_recipes_are_what_the_program_counts():
    expected = {row["recipe"]: row for row in made_tables.read_csv("imagenette_cost.csv")}
    assert set(expected) == {row["run"] for row in made_tables.read_csv("imagenette.csv")}
    (found,) = measure.recipes(["imagenette_acb"])
    assert {key: str(value) for key, value in found.items()} == expected["imagenette_acb"]
    # the form that is trained costs more
    assert found["fused_parameters"] < found["parameters"]
    assert found["fused_macs"] < found["macs"]


def test_shares_are_of_learned_kernels_only():
    rows = [
        {
            "model": "a",
            "threshold": "0.9",
            "learned": learned,
            "kernels": "4",
            "identity": "1",
            "gaussian": "0",
            "edge": "1",
            "none": "2",
        }
        for learned in ("True", "False")
    ]
    rows[1]["none"] = "1000"
    (found,) = shares(rows)
    assert (found["identity"], found["edge"], found["none"]) == (25, 25, 50)


def test_the_selected_pictures_are_as_many_as_were_evaluated():
    models = made_tables.read_json("int8_imagenette.json")["models"]
    names = pathlib.Path("training/data/imagenette_val.txt")
    assert {row["pictures"] for row in models} == {len((tables.ROOT / names).read_text().split())}


def test_records_are_json():
    for path in RESULTS.glob("*.record.json"):
        assert set(json.loads(path.read_text())) == {"record"}
