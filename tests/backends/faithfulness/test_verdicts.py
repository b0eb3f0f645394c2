"""What is concluded follows from what was measured."""

import itertools

import pytest

from backends.errors import BadInput, NotFound
from backends.faithfulness.bench import BenchResults, ShortcutPlan
from backends.faithfulness.verdicts import table

PICTURES = 8


def answers(movement):
    rows = [
        {"region": region, "picture": i, "source": 4, "target": 9, "flipped": i % 2 == 0,
         "movement": movement + 0.01 * i}
        for region in ("whole", "box:23,23,30,30") for i in range(PICTURES)
    ]  # fmt: skip
    return {"rows": rows, "seconds": 1.0}


def results(plan, treatment, moved):
    """:param treatment: by strength; ``moved`` by role."""
    effects = {
        (factor, strength, role): {
            "treatment": [treatment[strength] if role == "planted" else 0.0] * PICTURES,
            "switched": [True] * PICTURES, "accuracy": 0.9,
        }
        for factor, strength, role in plan.worlds
    }  # fmt: skip
    found = {case: answers(moved[case[2]]) for case in plan.cases}
    return BenchResults(effects, found)


@pytest.fixture
def plan():
    return ShortcutPlan(
        methods=["rcsb"], factors=["mark"], strengths=[0.5, 1.0], regions=["whole"],
        count=PICTURES,
    )  # fmt: skip


def conclusions(told):
    return {(row["strength"], row["region"]): row["conclusion"] for row in told["rows"]}


def test_what_is_relied_on_and_shown_is_found(plan):
    told = table(plan, results(plan, {0.5: 0.02, 1.0: 0.8},
                               {"planted": 0.9, "control": 0.0, "clean": 0.0}))  # fmt: skip
    found = conclusions(told)
    assert found["1", "whole"] == found["all", "whole"] == "found"
    assert found["0.5", "whole"] == "false alarm"  # shown, though that model ignores the factor
    (sentence,) = (one["sentence"] for one in told["conclusions"])
    assert "found the corner mark (1.00" in sentence
    assert "ignores it" not in sentence
    row = next(r for r in told["rows"] if (r["strength"], r["region"]) == ("1", "whole"))
    assert row["movement_planted"] == pytest.approx(0.935)
    assert row["flipped_planted"] == 0.5


def test_a_method_that_moves_the_factor_in_the_control_as_well_has_missed_it(plan):
    told = table(plan, results(plan, {0.5: 0.4, 1.0: 0.8},
                               {"planted": 0.9, "control": 0.9, "clean": 0.0}))  # fmt: skip
    assert set(conclusions(told).values()) == {"missed"}
    row = told["rows"][0]
    assert row["auroc"] == 0.5
    assert row["auroc_clean"] == 1.0  # beside a study of clean data it would have seemed to show it
    (sentence,) = (one["sentence"] for one in told["conclusions"])
    assert "missed the corner mark" in sentence
    assert "even where the model ignores it" in sentence
    assert "would have seemed to show the corner mark" in sentence


def test_silence_is_right_where_no_model_relies_on_the_factor(plan):
    told = table(plan, results(plan, {0.5: 0.0, 1.0: 0.05},
                               {"planted": 0.0, "control": 0.0, "clean": 0.0}))  # fmt: skip
    assert set(conclusions(told).values()) == {"rightly silent"}
    assert "no model relied" in told["conclusions"][0]["sentence"]


def test_a_method_that_could_not_run_says_why(plan):
    found = results(plan, {0.5: 0.5, 1.0: 0.8}, {"planted": 0.9, "control": 0.0, "clean": 0.0})
    found.answers["mark", 1.0, "control", "rcsb"] = {"problem": "the bridge is not here"}
    told = table(plan, found)
    assert conclusions(told)["1", "whole"] == "could not run"
    assert conclusions(told)["0.5", "whole"] == "found"
    assert {row.get("problem") for row in told["rows"]} == {None, "the bridge is not here"}
    assert "no answer about the corner mark" in told["conclusions"][0]["sentence"]


def test_every_case_is_counted_once(plan):
    assert len(set(plan.cases)) == len(plan.cases) == 5
    assert set(itertools.product(["mark"], [0.5, 1.0], ["planted", "control"])) < set(plan.worlds)


def test_a_region_that_is_given_twice_has_its_rows_once():
    plan = ShortcutPlan(methods=["rcsb"], factors=["mark"], strengths=[1.0], count=PICTURES,
                        regions=["whole", "box:23,23,30,30", "whole"])  # fmt: skip
    found = results(plan, {1.0: 0.8}, {"planted": 0.9, "control": 0.0, "clean": 0.0})
    told = [(row["strength"], row["region"]) for row in table(plan, found)["rows"]]
    assert told == [(s, r) for r in ("whole", "box:23,23,30,30") for s in ("1", "all")]


@pytest.mark.parametrize(("wrong", "error"), [
    ({"factors": ["colour"]}, NotFound), ({"strengths": [0.0]}, BadInput),
    ({"strengths": [1.5]}, BadInput), ({"count": 1}, BadInput), ({"methods": ["magic"]}, NotFound),
])  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(wrong, error):
    with pytest.raises(error, match=r"choose|strength|picture"):
        ShortcutPlan(**{"methods": ["rcsb"]} | wrong)
