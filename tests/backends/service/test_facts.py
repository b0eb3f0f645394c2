"""Every sentence about an answer is true, whatever happened: a table of cases."""

import json

import pytest

from backends.service.facts import facts, percent
from backends.service.risks import unlike, warnings

REAL = {"unlike": False, "odd": 0.3, "limit": 1.6, "count": 900, "measure": "ink", "why": ""}
ODD = REAL | {"unlike": True, "odd": 2.0, "why": "it has more ink than real ones"}


def record(before="4", after="9", target="9", p=0.93, other=0.02, **changes):
    """A result.json's content; ``after`` is the model's label, with probability ``p`` for the
    target."""
    said = {after: max(p, other) if after != target else p, target: p, "other": other}
    return {
        "status": "flipped" if after == target else "not_flipped", "flipped": after == target,
        "target": target, "step": 7, "steps": 20,
        "factual": {"label": before, "probabilities": {before: 0.9, target: 0.05}},
        "counterfactual": {"label": after, "probabilities": said},
        "oracle": {"label": target, "agrees": True, "target_probability": 0.97},
        "region": {"source": "whole", "area": 1.0},
        "metrics": {"changed_area": 0.1, "change_inside": 0.9, "log_density_percentile": 40.0},
    } | changes  # fmt: skip


def oracle(label, p=0.2):
    return {"label": label, "agrees": label == "9", "target_probability": p}


def metrics(**values):
    return {"changed_area": 0.1, "change_inside": 0.9} | values


def of(name, content):
    return next(fact for fact in facts(content) if fact["name"] == name)


ASKED = {"answers": ["4", "9"], "agreement": 1.0}
FLIP = [
    (record(), "Yes", "said “4” and now says “9” (93 %)", "good"),
    (record(p=0.5, other=0.45), "Only just", "Another class is almost as likely", "caution"),
    (record(after="4", p=0.1), "No", "still says “4”, not “9” (10 %)", "bad"),
    (record(after="5", p=0.1), "No", "now says “5”, not “9” (10 %)", "bad"),
    (record(flipped=False, status="not_flipped", p=0.5), "No", "cannot decide between “9”", "bad"),
    (record(status="cancelled"), "Stopped", "at step 7 of 20", "unknown"),
    (record(status="cancelled"), "Stopped", "now says “9”", "unknown"),
    (record(after="4", status="cancelled", p=0.1), "Stopped", "still says “4”, not “9”",
     "unknown"),
    (record("less than 3", "more than 3", "more than 3", 0.5,
            metrics=metrics(factual_value=2.31, value=3.04)),
     "Yes", "measured 2.31 and now 3.04; you asked for more than 3", "good"),
    (record("less than 3", "less than 3", "more than 3", 0.5,
            metrics=metrics(factual_value=2.31, value=2.9)),
     "No", "measured 2.31 and now 2.90", "bad"),
    (record(after="4", p=0.0, flipped=True, status="flipped", asked=ASKED | {"label": "9"}),
     "Yes", "you called it “9”, as asked. The model itself says “4”", "good"),
    (record(flipped=False, status="not_flipped", asked=ASKED | {"label": "5"}),
     "No", "you called it “5”, not “9”. The model itself says “9”", "bad"),
    (record(target="a red car", after="car", counterfactual={"label": "car",
            "probabilities": {"car": 0.8}}), "No", "now says “car”, not “a red car”.", "bad"),
    (record(p=1.0, other=0.0), "Yes", "(100 %)", "good"),
    (record(p=0.9999, other=0.0), "Yes", "(over 99 %)", "good"),
    (record(counterfactual={"label": "9", "probabilities": {"9": 0.2} | {
        str(k): 0.8 / 999 for k in range(1000, 1999)}}), "Yes", "(20 %)", "good"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "value", "told", "judgement"), FLIP)
def test_did_it_flip(content, value, told, judgement):
    fact = of("flip", content)
    assert (fact["value"], fact["judgement"]) == (value, judgement)
    assert told in fact["sentence"]


JUDGE = [
    (record(), "Yes", "says “9”, too (97 %)", "good"),
    (record(oracle=None), "No judge here", "no second classifier", "unknown"),
    (record(oracle=oracle("4")), "No", "says “4”, as the model did before, and gives “9” 20 %",
     "bad"),
    (record(oracle=oracle("5")), "No", "says “5”, which is another class again,", "bad"),
    (record(after="4", oracle=oracle("9", 0.8)), "It sees the target",
     "says “9” (80 %), though the answer did not flip", "caution"),
    (record(after="4", oracle=oracle("4")), "Not the target", "says “4” and gives “9” 20 %", "bad"),
    (record(after="5", oracle=oracle("4")), "Not the target", "says “4” and gives", "bad"),
    (record(after="4", oracle=oracle("4"), flipped=True, asked=ASKED | {"label": "9"}),
     "No", "says “4”, as the model did before", "bad"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "value", "told", "judgement"), JUDGE)
def test_does_a_judge_agree(content, value, told, judgement):
    fact = of("judge", content)
    assert (fact["value"], fact["judgement"]) == (value, judgement)
    assert told in fact["sentence"]


def region(area):
    return {"source": "painted", "area": area}


CHANGE = [
    (record(), "A little of the picture, strongly", "10 % of the picture’s pixels", "good"),
    (record(region=region(0.2)), "Much of the region, strongly", "50 % of the region’s", "good"),
    (record(region=region(0.1)), "Nearly all of the region, strongly", "100 % of", "good"),
    (record(metrics=metrics(changed_area=0.001, change_inside=0.15)),
     "Very little of the picture, slightly", "under 1 % of the picture’s", "good"),
    (record(metrics=metrics(changed_area=0.6, change_inside=0.4)),
     "Much of the picture, clearly", "hardly the same picture", "caution"),
    (record(metrics=metrics(changed_area=0.0, change_inside=0.04)), "Nothing that can be seen",
     "the strongest by 4 %", "caution"),
    (record(after="4", metrics=metrics(changed_area=0.0, change_inside=0.04)),
     "Nothing that can be seen", "more than a tenth", "bad"),
    (record(after="4", metrics=metrics(changed_area=0.0, change_inside=0.0)), "Nothing",
     "no pixel changed", "bad"),
    (record(metrics={}), "Not known", "not measured", "unknown"),
    (record(metrics=metrics(changed_area=float("nan"))), "Not known", "not measured", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "value", "told", "judgement"), CHANGE)
def test_how_much_changed(content, value, told, judgement):
    fact = of("change", content)
    assert (fact["value"], fact["judgement"]) == (value, judgement)
    assert told in fact["sentence"]


def at(percentile):
    return record(metrics=metrics(log_density_percentile=percentile))


TYPICAL = [
    (at(40.0), "Typical", "40 % of real pictures of “9” are less likely", "good"),
    (at(5.0), "Typical", "5 % of real", "good"),
    (at(4.9), "Unusual", "5 % of real", "caution"),
    (at(0.3), "Very unusual", "under 1 % of real", "bad"),
    (at(0.0), "Very unusual", "No real picture of “9” is less likely", "bad"),
    (at(100.0), "Smoother than real ones", "100 % of real", "caution"),
    (
        record(domain={"factual": REAL, "counterfactual": ODD}),
        "Unlike real ones",
        "Compared with 900 real pictures of all classes, it has more ink",
        "bad",
    ),
    (record(domain={"factual": ODD, "counterfactual": REAL}), "Typical", "40 %", "good"),
    (record(domain={}), "Typical", "40 %", "good"),
    (record(metrics=metrics(log_density=-31.2)), "Not known", "-31 nats", "unknown"),
    (record(metrics=metrics()), "Convincing to the oracle", "gives “9” 97 %", "good"),
    (record(metrics=metrics(), oracle=oracle("9", 0.6)), "Doubtful", "gives “9” 60 %", "caution"),
    (record(metrics=metrics(), oracle=oracle("4", 0.1)), "Not convincing", "10 %", "bad"),
    (record(metrics=metrics(), oracle=None), "Not known", "Neither a density nor", "unknown"),
    (at(float("nan")), "Convincing to the oracle", "No density can tell", "good"),
]


@pytest.mark.parametrize(("content", "value", "told", "judgement"), TYPICAL)
def test_how_typical_is_it(content, value, told, judgement):
    fact = of("typical", content)
    assert (fact["value"], fact["judgement"]) == (value, judgement)
    assert told in fact["sentence"]


RISKS = [
    (record(), []),
    (record(oracle=None), []),
    (record(oracle=oracle("4")), ["oracle_disagrees"]),
    (record(after="4", oracle=oracle("4"), p=0.1), []),
    (record(metrics=metrics(changed_area=0.0, change_inside=0.03)), ["invisible"]),
    (at(2.0), ["untypical"]),
    (at(99.5), ["smooth"]),
    (record(region=region(0.2)), ["not_only_cause"]),
    (record(after="4", region=region(0.2), p=0.1), []),
    (record(metrics=metrics(reconstruction_l1=30.0, l1_from_reconstruction=20.0)),
     ["reconstruction"]),
    (record(metrics=metrics(reconstruction_l1=20.0, l1_from_reconstruction=30.0)), []),
    (record(domain={"factual": ODD, "counterfactual": REAL}), ["domain"]),
    (record(domain={"factual": REAL, "counterfactual": ODD}), ["unreal"]),
    (at(2.0) | {"oracle": oracle("5"), "region": region(0.2),
                "domain": {"factual": ODD, "counterfactual": REAL}},
     ["domain", "oracle_disagrees", "untypical", "not_only_cause"]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "names"), RISKS)
def test_risks_are_told_just_where_they_are(content, names):
    found = warnings(content)
    assert [risk["name"] for risk in found] == names
    assert all(risk["sentence"].endswith(".") and risk["reason"].endswith(".") for risk in found)


def test_an_untypical_answer_says_how_many_are_likelier():
    (risk,) = warnings(at(2.0))
    assert "98 % of real pictures are likelier" in risk["reason"]


def test_what_is_odd_about_a_picture_is_said():
    assert "Compared with 900 real ones, it has more ink" in unlike(ODD)["reason"]


def test_facts_are_plain_json_in_a_fixed_order():
    found = facts(record())
    assert [fact["name"] for fact in found] == ["flip", "judge", "change", "typical"]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.001, "under 1 %"), (0.005, "under 1 %"), (0.01, "1 %"), (0.5, "50 %"),
     (0.99, "99 %"), (0.9999, "over 99 %"), (1, "100 %")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_all_or_nothing(share, text):
    assert percent(share) == text
