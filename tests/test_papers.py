"""The papers' tables: each runs, says what differs, and stands beside no figure unmarked."""

import dataclasses
import json

import pytest

from backends.bundles import find
from benchmarks.markdown import RESULTS, markdown
from benchmarks.papers import faces, leapfactual, place
from benchmarks.papers.all import TABLES
from benchmarks.papers.tables import PAPER, PaperTable, beside, kept, result
from tests.faces import write_faces

FEW = {method: {"steps": 3} for method in ("opt", "place", "revise", "clarity")}
RUN = [table for table in TABLES.values() if table.rows]


def unmarked(table, rows):
    """Columns of the paper's figures beside which nothing stands that was measured its way."""
    found = set()
    for row in rows:
        for column in (column.removesuffix(PAPER) for column in row if column.endswith(PAPER)):
            marked = {column, next(iter(row.values()))} & set(table.same)
            if not marked or column not in row:
                found.add(column)
    return found


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_says_what_it_is(table):
    assert sum(map(bool, (table.rows, table.printed_by, table.reason))) == 1
    assert not table.rows or (table.judge and table.weights and table.differences)
    sentences = (*table.differences, *table.missing, *filter(None, [table.reason]))
    assert all(not sentence[0].islower() and sentence.endswith(".") for sentence in sentences)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_is_kept_is_what_is_said_now(table):
    rows = kept(table)
    assert bool(table.rows) == bool(rows)
    assert (RESULTS / f"{table.name}.md").read_text() == result(table, rows)
    assert all("pictures" in row for row in rows)
    assert not unmarked(table, rows)


@pytest.fixture
def short(monkeypatch):
    """Searches of few steps."""
    for module, name in ((leapfactual, "ASKED"), (place, "ASKED"), (faces, "SEARCHES")):
        asked = [(m, title, settings | FEW.get(m, {})) for m, title, settings in vars(module)[name]]
        monkeypatch.setattr(module, name, asked)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize("table", RUN, ids=lambda table: table.key)
def test_every_table_runs(table, tmp_path, short):
    options = dataclasses.replace(table.options(4, None, "digits"), steps=3)
    if table.bundle == "faces":  # the real ones need a download
        options = dataclasses.replace(options, bundle=write_faces(tmp_path))
    elif problem := find(table.bundle).problem("classifier"):
        pytest.skip(problem)
    rows = table.rows(options)
    assert {row["pictures"] for row in rows} == {4}
    assert not unmarked(table, rows)
    assert set(rows[0]) <= set((kept(table) or rows)[0])
    assert json.dumps(rows)


def test_no_figure_of_a_paper_stands_alone():
    measured = beside({"ACC": 0.9, "pictures": 4}, {"ACC": "0.99"})
    assert list(measured) == ["ACC", "ACC (paper)", "pictures"]
    with pytest.raises(ValueError, match="L2"):
        beside({"ACC": 0.9}, {"L2": 3})
    table = PaperTable("a.1", "A", "A's table", same=("ACC",))
    assert not unmarked(table, [measured])
    assert unmarked(dataclasses.replace(table, same=()), [measured]) == {"ACC"}


def test_a_missing_cell_has_a_dash():
    lines = markdown([{"a": 1, "c": 0.5}, {"a": 2, "b": 3, "c": 1.0}])
    assert lines == ["| a | b | c |", "|---|---|---|", "| 1 | - | 0.5000 |", "| 2 | 3 | 1.0000 |"]
