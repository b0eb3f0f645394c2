"""No text of a table is a formula."""

import csv
import io

import pytest

from studio.export import tables
from studio.export.spreadsheet_cells import meant, safe

TEXTS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "'", "'x",
    "'=1", "''=1", "'''", "plain", "a=1", " =1", "", "4",
]  # fmt: skip
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_reads_back_as_it_was(text):
    assert not safe(text).startswith(BEGINNINGS)
    assert meant(safe(text)) == text


@pytest.mark.parametrize("number", [-1.5, -1, 0, 3, 0.25, None, True])
def test_what_is_no_text_stays(number):
    assert safe(number) is number


def test_a_table_of_answers_holds_no_formula():
    row = {
        "method": "=cmd|' /C calc'!A0",
        "-label": "@x",
        "l1": -1.5,
        "n": {"mean": -2.0, "sem": 1},
    }
    columns, *rows = csv.reader(io.StringIO(tables.as_csv([row, {"method": "\t=1"}])))
    assert columns == ["method", "'-label", "l1", "n", "n_sem"]
    assert rows == [
        ["'=cmd|' /C calc'!A0", "'@x", "-1.5", "-2.0", "1"], ["'\t=1", "", "", "", ""],
    ]  # fmt: skip
