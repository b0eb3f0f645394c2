"""The sentences under an answer are true in every case."""

import pytest

from studio.export.verdict import verdict


def record(before, after, target, status, oracle=None, **changes):
    probabilities = {"1": 0.1, "4": 0.2, "5": 0.3, "9": 0.4}
    return {
        "factual": {"label": before, "probabilities": probabilities},
        "counterfactual": {"label": after, "probabilities": probabilities},
        "target": target, "status": status, "step": 3, "steps": 20,
        "oracle": oracle and {"label": oracle, "agrees": oracle == target},
        "metrics": {}, "region": {"area": 0.5},
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "status", "said", "unsaid"),
    [
        ("4", "9", "flipped", "Flipped: the model said “4”, now it says “9”", "still"),
        ("4", "4", "not_flipped", "still says “4”", "now says"),
        ("4", "1", "not_flipped", "now says “1”, not “9”", "still"),
        ("4", "9", "not_flipped", "says “9” (40%), but the search asked for more", "not “9”"),
        ("4", "1", "cancelled", "Stopped at step 3 of 20", "Flipped"),
    ],
)
def test_what_the_model_says(before, after, status, said, unsaid):
    (headline,) = verdict(record(before, after, "9", status))
    assert said in headline
    assert unsaid not in headline


@pytest.mark.parametrize(
    ("after", "oracle", "said"),
    [
        ("9", "9", "agrees: it says “9” too"),
        ("5", "5", "sees what the model sees: “5”, not “9”"),
        ("5", "9", "says “9” already, where the model says “5”"),
        ("9", "4", "disagrees: it says “4”"),
        ("5", "4", "disagrees: it says “4”"),
    ],
)
def test_what_the_oracle_says(after, oracle, said):
    _, opinion = verdict(record("4", after, "9", "flipped", oracle))
    assert said in opinion
    if after == oracle:
        assert "disagrees" not in opinion


def test_how_much_changed():
    exact = {"changed_area": 0.25, "change_outside": 0.0}
    assert verdict(record("4", "9", "9", "flipped", metrics=exact))[1] == (
        "25.0% of the pixels changed visibly; nothing outside the region did."
    )
    leaked = exact | {"change_outside": 0.1}
    assert "outside" not in verdict(record("4", "9", "9", "flipped", metrics=leaked))[1]
    whole = verdict(record("4", "9", "9", "flipped", metrics=exact, region={"area": 1.0}))
    assert "outside" not in whole[1]
