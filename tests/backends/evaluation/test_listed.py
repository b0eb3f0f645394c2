"""What is listed is computed, and what is computed is listed and explained."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from backends import evaluation
from backends.evaluation import Plan, Row, summary
from backends.explain import judge as judging
from backends.metrics import METRICS, metric
from tests.backends.evaluation.test_rows import with_examples

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs/evaluating.md").read_text().split("## What is measured")[1]
PATTERNS = [
    name
    for row in re.findall(r"^\|[^|]*\|([^|]*)\|", TABLE, re.MULTILINE)
    for name in re.findall(r"`([\w*]+)`", row)
]


def test_the_documents_table_names_every_metric_once():
    for name in METRICS:
        exact = PATTERNS.count(name)
        assert exact == 1 or (exact == 0 and any(fnmatchcase(name, p) for p in PATTERNS)), name
    for pattern in PATTERNS:
        assert any(fnmatchcase(name, pattern) for name in METRICS), pattern


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return with_examples(tmp_path_factory.mktemp("listed") / "bundle")


def test_an_evaluation_has_no_number_that_is_not_listed(bundle):
    plan = Plan(bundle, ["leapfactual", "ldce", "revise"], 24, seeds=[0, 1])
    rows = [item for item in evaluation.evaluate(plan) if isinstance(item, Row)]
    assert [row.problem for row in rows] == [None] * len(rows)
    for row in rows:
        assert set(row.values) - set(METRICS) == {"n", "batch"}


def test_whatever_a_listed_number_needs_is_provided(bundle, monkeypatch):
    provided = set()

    class Noted(metric.Supply):
        def __init__(self, part=lambda name: None, **makers):
            provided.update(makers)
            super().__init__(part, **makers)

    monkeypatch.setattr(summary, "Supply", Noted)
    monkeypatch.setattr(judging, "Supply", Noted)
    plan = Plan(bundle, ["adversarial"], 2)
    *_, row = evaluation.evaluate(plan)
    assert row.problem is None
    needed = {need for entry in METRICS.values() for need in entry.needs}
    assert {need for need in needed if not need.startswith(metric.PART)} <= provided


def test_what_runs_report_is_reported_by_some_method():
    """Their names are keys of what a method or the runner yields."""
    code = "".join(
        path.read_text()
        for folder in ("methods", "explain")
        for path in (ROOT / "backends" / folder).rglob("*.py")
    )
    for name, entry in METRICS.items():
        if entry.scope == "run":
            assert f'"{name}"' in code, name
