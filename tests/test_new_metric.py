"""A new metric is one function: every table shows it without being told."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from backends import bundles, evaluation, service
from backends.core import Region
from backends.evaluation import Plan, Row
from backends.explain.judge import judge
from backends.explain.question import Question
from backends.metrics import METRICS, metric
from studio.export import tables
from studio.runs.comparison import Comparison
from studio.ui.compare.table import table as compared_table
from studio.ui.shared import answer_markup
from tests.backends.evaluation.test_rows import with_examples


@pytest.fixture
def table(monkeypatch):
    """The registry, put back afterwards."""
    monkeypatch.setattr(metric, "_FUNCTIONS", dict(metric._FUNCTIONS))
    before = dict(METRICS)
    yield metric
    METRICS.clear()
    METRICS.update(before)


@pytest.fixture
def brightness(table):
    @table.metric(
        "brightness", "Brightness gained", "neither", "grey levels", form="{:+.3f} levels",
        meaning="of the mean", page=1, compared="known", short="Brighter",
    )  # fmt: skip
    def brightness(factual, counterfactual):
        return (counterfactual - factual).flatten(1).mean(1)

    @table.metric("spread", "Spread of answers", "higher", "grey levels", scope="row")
    def spread(counterfactual):
        return float(counterfactual.std(0).mean())

    return brightness


@pytest.mark.slow
def test_a_metric_joins_every_table(brightness, ask, tmp_path):
    *_, answer = service.explain(ask("adversarial", settings={"steps": 3}))
    change = (answer.counterfactual.astype(float) - answer.factual).mean() / 255
    assert np.isclose(answer.record["metrics"]["brightness"], change)
    assert tables.answer_row("adversarial", answer.record)["brightness"] == pytest.approx(change)

    about = service.about(ask("adversarial").bundle)["metrics"]
    assert about["brightness"]["meaning"] == "of the mean"
    assert f"{change:+.3f} levels" in answer_markup.metrics_table(answer.record, about)

    comparison = Comparison("me", [ask("adversarial")])
    assert "Brighter" not in compared_table(comparison.rows(), {}, about)
    row = comparison.rows()[0] | {"brightness": 0.25}
    compared = compared_table([row], {}, about)
    assert "Brighter" in compared
    assert "+0.250 levels" in compared

    bundle = with_examples(tmp_path / "bundle")
    plan = Plan(bundle, ["adversarial"], 3)
    *_, done = evaluation.evaluate(plan)
    assert isinstance(done, Row)
    assert set(done.values["brightness"]) == {"mean", "sem", "low", "high"}
    assert done.values["spread"] > 0
    made = tables.evaluation(plan, [done], service.about(bundle))
    assert {"brightness", "spread"} <= set(made["metrics"])
    assert "brightness_sem" in tables.as_csv(made["rows"]).splitlines()[0]


def test_a_metric_is_left_out_where_what_it_needs_is_missing(table, tiny):
    @table.metric("alone", "Alone", "higher", "share")
    def alone(part_absent):
        raise AssertionError("asked without its part")

    @table.metric("by_width", "By width", "higher", "pixels")
    def by_width(counterfactual, part_width):
        return part_width(counterfactual).flatten()

    x, region = torch.zeros(2, 1, 16, 16), Region(torch.ones(2, 1, 16, 16))
    found = bundles.find(tiny)
    target = torch.zeros(2, dtype=torch.int64)
    answer = judge(Question.of(found, "adversarial", x, target, region), x)
    assert "alone" not in answer.metrics
    assert answer.metrics["by_width"].shape == (2,)


def test_what_cannot_be_a_metric_is_refused_at_once(table):
    with pytest.raises(ValueError, match="already"):
        table.metric("l1", "L1", "lower", "sum")(lambda factual: None)
    with pytest.raises(ValueError, match="nothing provides"):
        table.metric("odd", "Odd", "lower", "sum")(lambda weather: None)
    assert "odd" not in METRICS


def test_every_function_says_what_it_needs_and_every_need_is_explained():
    for name, entry in METRICS.items():
        assert (entry.scope == "run") == (name not in metric._FUNCTIONS)
        assert all(need in metric.NEEDS or need.startswith(metric.PART) for need in entry.needs)
        assert asdict(entry)["name"] == name
