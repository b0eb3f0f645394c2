"""Comparisons with settings and with two models, with real methods on tiny parts."""

import csv
import io
import json
import zipfile
from dataclasses import replace

import pytest

from backends import service
from backends.errors import BadInput
from backends.service import second_opinions
from studio.export.second_opinions import believed
from studio.runs.comparison import MOST, questions
from studio.runs.rows import spreads
from studio.ui.compare import markup as columns
from studio.ui.compare.table import table
from tests.studio.runs.test_comparison import (
    METRIC_TABLE,
    carry_out,
    comparisons,
    row,
    study,
)

__all__ = ["comparisons", "study"]  # fixtures

STEPS = {"rcsb": [{"steps": "4"}, {"steps": "5"}]}


def both(ask, *methods, **changes):
    asked = ask(methods[0], **changes)
    able = dict.fromkeys(("classifier", "oracle"), methods)
    return questions(asked, methods, [0], (), {"rcsb": [{"steps": "4"}]}, able)


def test_each_value_of_a_setting_is_a_run_with_its_type(ask):
    asked = questions(ask("rcsb"), ["leapfactual", "rcsb"], [0, 1], {"leapfactual"}, STEPS)
    assert [(r.method, r.settings, r.seed) for r in asked] == [
        ("leapfactual", {}, 0), ("rcsb", {"steps": 4}, 0), ("rcsb", {"steps": 4}, 1),
        ("rcsb", {"steps": 5}, 0), ("rcsb", {"steps": 5}, 1),
    ]  # fmt: skip


def test_two_models_stand_next_to_each_other_where_both_can_be_explained(ask):
    able = {"classifier": ["rcsb", "place"], "oracle": ["rcsb"]}
    asked = questions(ask("rcsb"), ["rcsb", "place"], [0], (), None, able)
    assert [(r.method, r.model) for r in asked] == [
        ("rcsb", "classifier"), ("rcsb", "oracle"), ("place", "classifier"),
    ]  # fmt: skip


@pytest.mark.parametrize(("settings", "words"), [
    ({"steps": "5000"}, "steps"), ({"moon": "1"}, "no setting 'moon'"), ({"steps": "x"}, "steps"),
])  # fmt: skip
def test_a_setting_out_of_range_is_told_before_anything_runs(ask, settings, words):
    with pytest.raises(BadInput, match=words):
        questions(ask("rcsb"), ["rcsb"], [0], (), {"rcsb": [settings]})


def test_settings_and_models_count_as_runs(ask):
    able = dict.fromkeys(("classifier", "oracle"), ("rcsb",))
    variants = {"rcsb": [{"steps": n} for n in range(2, 2 + MOST // 2)]}
    assert len(questions(ask("rcsb"), ["rcsb"], [0], (), variants, able)) == MOST
    with pytest.raises(BadInput, match="fewer methods"):
        questions(ask("rcsb"), ["rcsb"], [0, 1], (), variants, able)


def test_each_model_says_what_it_makes_of_the_others_answers(comparisons, ask):
    asked = both(ask, "rcsb", "leapfactual")
    comparison = comparisons.open("me", asked, ("classifier", "oracle"))
    comparisons.open = lambda owner, requests: comparison
    carry_out(comparisons, asked)
    assert [row["model"] for row in comparison.rows()] == ["classifier", "oracle"] * 2
    answered = 0
    for request, run in zip(asked, comparison.runs, strict=True):
        if run.answer is None:  # the oracle may say the target already
            assert "already says" in run.reason
            continue
        answered += 1
        record, other = run.answer.record, comparison.other(request)
        opinion = record["second_opinion"]
        assert other != request.model
        assert opinion["model"] == other
        seen = service.predict(request.bundle, run.answer.counterfactual, other)
        assert opinion["counterfactual"]["label"] == seen.label
        assert opinion["target_probability"] == pytest.approx(seen.probabilities[request.target])
        assert opinion["agrees"] == (seen.label == request.target)
        if request.model == "oracle":
            assert record["oracle"] is None, "it cannot judge itself"
    assert answered >= 2
    with zipfile.ZipFile(comparisons.archive(comparison)) as archive:
        told = json.loads(archive.read("comparison.json"))
        rows = list(csv.DictReader(io.StringIO(archive.read("table.csv").decode())))
        kept = json.loads(archive.read("rcsb-steps-4-classifier-seed0/result.json"))
    assert told["models"] == ["classifier", "oracle"]
    assert told["believed"][0]["model"] == "classifier"
    assert rows[0]["settings_steps"] == "4"
    assert rows[0]["second_model"] == kept["second_opinion"]["model"] == "oracle"


def test_a_model_without_the_class_is_heard_all_the_same(comparisons, ask):
    asked = questions(ask("leapfactual"), ["leapfactual"], [0])
    comparison = comparisons.open("me", asked, ("classifier", "width"))
    comparisons.open = lambda owner, requests: comparison
    carry_out(comparisons, asked)
    opinion = comparison.runs[0].answer.record["second_opinion"]
    assert opinion["model"] == "width"
    assert isinstance(opinion["counterfactual"]["value"], float)
    assert opinion["agrees"] is None
    assert comparison.rows()[0]["second_agrees"] is None
    assert comparison.as_json()["believed"][0]["believes"] is None


def test_an_opinion_that_fails_is_told_and_the_others_go_on(comparisons, ask, monkeypatch):
    def fail(*asked):
        raise BadInput("the model is gone")

    monkeypatch.setattr(second_opinions, "predict", fail)
    asked = both(ask, "leapfactual")
    comparison = comparisons.open("me", asked, ("classifier", "oracle"))
    comparisons.open = lambda owner, requests: comparison
    carry_out(comparisons, asked)
    record = comparison.runs[0].answer.record
    assert record["second_opinion"] is None
    assert record["no_second_opinion"] == "the model is gone"
    assert comparison.runs[1].ended


def test_a_regressor_believes_what_passes_the_goal(tiny, picture):
    for target, agrees in (("more than -100", True), ("less than -100", False)):
        told = service.second_opinion(tiny, "width", picture, picture, target)
        assert told["agrees"] is agrees
        assert told["factual"] == told["counterfactual"]


def heard(agrees, **changes):
    return row(second_model="oracle", second_label="9", second_agrees=agrees, **changes)


def test_who_believes_whose_answers_is_counted_among_those_that_flipped():
    back = {"model": "oracle", "second_model": "classifier"}
    rows = [heard(True), heard(False), heard(True, flipped=False, status="not_flipped"),
            heard(True) | back, row(status="failed", flipped=None)]  # fmt: skip
    assert believed(rows) == [
        {"model": "classifier", "answers": 3, "flipped": 2, "second": "oracle", "believes": 1},
        {"model": "oracle", "answers": 1, "flipped": 1, "second": "classifier", "believes": 1},
    ]
    titles = {"classifier": "Classifier", "oracle": "Oracle"}
    said = columns.summary(rows, "9", titles)
    assert "Classifier: flipped by 2 of 3 answers, of which Oracle believes 1." in said
    assert "Oracle: flipped by 1 of 1 answers, of which Classifier believes 1." in said
    unknown = [row | {"second_agrees": None} for row in rows[:1]]
    assert "Classifier: flipped by 1 of 1 answers." in columns.summary(unknown, "9", titles)


def test_the_table_says_settings_model_and_the_other_models_opinion():
    schema = {"properties": {"steps": {"title": "Steps"}}}
    titles = {"classifier": "Classifier", "oracle": "Oracle"}
    rows = [
        heard(True, settings={"steps": 4}), heard(False, settings={"steps": 5}),
        heard(None, settings={"steps": 5}, seed=1),
    ]  # fmt: skip
    shown = table(
        rows, {"rcsb": "RCSB"}, METRIC_TABLE, spreads(rows), (), {"rcsb": {"schema": schema}},
        titles,
    )  # fmt: skip
    for text in ("RCSB, Steps 4", "RCSB, Steps 5, mean ± SD", ">Classifier<", "9 ✓ agrees",
                 "9 ✗ disagrees", ">9<", "The other model says"):  # fmt: skip
        assert text in shown
    assert "Oracle says" not in shown, "it is the other model"
    one = table(rows[:1], {"rcsb": "RCSB"}, METRIC_TABLE)
    assert "The other model says" not in one
    assert ">Classifier<" not in one


def test_seeds_are_seeds_of_the_same_settings_and_model():
    rows = [heard(True, seed=0), heard(True, seed=1), heard(True, seed=0, settings={"steps": 5}),
            heard(True, seed=0, model="oracle")]  # fmt: skip
    assert [one["answers"] for one in spreads(rows)] == [2]


def test_the_oracle_can_be_explained_and_does_not_judge_itself(ask, tiny, picture):
    label = service.predict(tiny, picture, "oracle").label
    asked = ask("leapfactual", model="oracle", target="b" if label != "b" else "c")
    *_, answer = service.explain(replace(asked, seed=0))
    assert answer.record["oracle"] is None
    assert "itself" in answer.record["unjudged"]["oracle"]
    assert service.about(tiny)["judge"]["classes"] == service.about(tiny)["class_names"]
