"""Which method is advised, and why."""

import pytest

from backends import registry
from backends.service import about
from backends.service.advice import WANTS, Situation, ranked


def entry(title, **changes):
    return {
        "title": title, "kind": "method", "problem": None, "gradients": True, "seeded": False,
        "suits": [], "strengths": "Strong.", "costs": "Slow.",
    } | changes  # fmt: skip


METHODS = {
    "ascent": entry("Ascent"),
    "labels": entry("Labels", gradients=False, suits=["speed"]),
    "repaint": entry("Repaint", seeded=True, suits=["regions"]),
    "variant": entry("Variant", kind="variant", suits=["realism"]),
    "baseline": entry("Baseline", kind="baseline", suits=["speed", "closeness", "realism"]),
    "away": entry("Away", problem="its flow is not here", suits=["closeness"]),
}


def first(situation, **words):
    return ranked(METHODS, situation, **words)[0]


@pytest.mark.parametrize(
    ("situation", "name", "because"),
    [
        (Situation(), "ascent", "A good choice when nothing else matters more."),
        (Situation(gradients=False), "labels",
         "Your model gives no gradients, and it needs none."),
        (Situation(marked=True), "repaint", "You marked a region, and it is made to repaint one."),
        (Situation(wants=frozenset({"speed"})), "labels", "It is among the quick ones."),
        (Situation(wants=frozenset({"several"})), "repaint",
         "Another seed gives another answer."),
        (Situation(wants=frozenset({"realism"})), "variant",
         "Its answers look like real pictures."),
        (Situation(gradients=False, wants=frozenset({"speed"})), "labels",
         "Your model gives no gradients, and it needs none, and it is among the quick ones."),
    ],
)  # fmt: skip
def test_the_first_fits_and_says_why(situation, name, because):
    best = first(situation)
    assert (best.name, best.because) == (name, because)


def test_those_that_cannot_run_are_left_out_and_baselines_come_last():
    rows = ranked(METHODS, Situation(wants=frozenset(WANTS)))
    assert {row.name for row in rows} == set(METHODS) - {"away"}
    assert rows[-1].name == "baseline"
    assert "baseline" in rows[-1].because.lower()


def test_a_wish_that_is_not_met_is_said():
    rows = {row.name: row for row in ranked(METHODS, Situation(wants=frozenset({"several"})))}
    assert rows["ascent"].because == "Not made for “several answers”."


def test_measured_seconds_overrule_what_is_declared():
    quick = Situation(wants=frozenset({"speed"}))
    best = first(quick, seconds={"labels": 9.0, "repaint": 0.2})
    assert (best.name, best.seconds) == ("repaint", 0.2)
    assert first(quick).seconds is None


@pytest.mark.weights
@pytest.mark.parametrize("want", WANTS)
def test_every_wish_has_a_papers_method_in_digits(want):
    best = ranked(about("digits")["methods"], Situation(wants=frozenset({want})))[0]
    assert registry.method(best.name).kind == "method"
    assert "Not made" not in best.because


@pytest.mark.parametrize("name", registry.METHODS)
def test_every_method_says_its_strengths_and_costs(name):
    method = registry.method(name)
    for sentence in (method.strengths, method.costs):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert len(sentence) < 160
