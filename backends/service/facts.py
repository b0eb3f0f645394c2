"""What a person can take from an answer: four facts in words. Made from the content of result.json
alone, so that an answer of last year reads as one of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Literal, TypedDict

__all__ = ["SMOOTH", "UNUSUAL", "Fact", "Judgement", "Record", "facts", "number", "percent"]

Judgement = Literal["good", "caution", "bad", "unknown"]
Record = Mapping[str, Any]
Told = tuple[str, str, Judgement]  # value, sentence, judgement

BARELY = 0.1  # lead over the next class below which the model could as well say that
ALMOST_ALL = 0.5  # share of the picture above which an answer is hardly the same picture
UNUSUAL, VERY_UNUSUAL, SMOOTH = 5.0, 1.0, 99.0  # percentiles of density
SURE, UNSURE = 0.9, 0.5  # the oracle's probability of the target
AMOUNTS = ((0.05, "Very little"), (0.2, "A little"), (0.5, "A part"), (0.8, "Much"))
STRENGTHS = ((0.2, "slightly"), (0.5, "clearly"))


class Fact(TypedDict):
    """One of the four: ``title`` is a question, ``value`` its short answer, ``sentence`` says how
    that is known, ``judgement`` what it means for who wants to rely on the answer."""

    name: str
    title: str
    value: str
    sentence: str
    judgement: Judgement


def facts(record: Record) -> list[Fact]:
    """Did it flip, does an independent judge agree, how much changed, how typical is it.

    :param record: the content of result.json.
    """
    found = []
    for name, title, answer in QUESTIONS:
        value, sentence, judgement = answer(record)
        found.append(
            Fact(name=name, title=title, value=value, sentence=sentence, judgement=judgement)
        )
    return found


def percent(share: float) -> str:
    """Write a share in [0, 1] for a person: never 0 or 100 % unless it is exactly that."""
    if 0 < share < 0.01:
        return "under 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def number(record: Record, name: str) -> float | None:
    """A metric of the record; None where it was not measured, or is no number."""
    value = record["metrics"].get(name)
    return float(value) if value is not None and isfinite(value) else None


# ------------------------------------------------------------------ did it flip


def _flip(record: Record) -> Told:
    told = _people_said(record) if record.get("asked") else _model_said(record)
    if record["status"] == "cancelled":
        where = f"You stopped at step {record['step']} of {record['steps']}"
        return "Stopped", f"{where}: this is no finished answer. {told}", "unknown"
    if not record["flipped"]:
        return "No", told, "bad"
    lead = _lead(record)
    if lead is not None and lead < BARELY:
        return "Only just", f"{told} Another class is almost as likely.", "caution"
    return "Yes", told, "good"


def _model_said(record: Record) -> str:
    """What the model said before and says now."""
    target, metrics = record["target"], record["metrics"]
    if "value" in metrics and "factual_value" in metrics:
        before, now = metrics["factual_value"], metrics["value"]
        return f"The model measured {before:.2f} and now {now:.2f}; you asked for {target}."
    before, after = record["factual"]["label"], record["counterfactual"]["label"]
    p = _probability(record)
    sure = f" ({percent(p)})" if p is not None else ""
    if record["flipped"]:
        return f"The model said “{before}” and now says “{target}”{sure}."
    if after == target:
        return f"The model cannot decide between “{target}”{sure} and another class."
    says = f"still says “{after}”" if after == before else f"now says “{after}”"
    return f"The model {says}, not “{target}”{sure}."


def _people_said(record: Record) -> str:
    """What a person, who stood in for the model, called the answer."""
    label, target = record["asked"]["label"], record["target"]
    called = f"“{target}”, as asked" if label == target else f"“{label}”, not “{target}”"
    model = record["counterfactual"]["label"]
    return f"In the end you called it {called}. The model itself says “{model}”."


def _probability(record: Record) -> float | None:
    """The target's, after; None where the model has no such class."""
    p = record["counterfactual"]["probabilities"].get(record["target"])
    return None if p is None else float(p)


def _lead(record: Record) -> float | None:
    """By how much the target is likelier than any other class; None where that means nothing:
    a search for a value ends just past it, and a person gives no probabilities."""
    p = _probability(record)
    if p is None or "value" in record["metrics"] or record.get("asked"):
        return None
    others = record["counterfactual"]["probabilities"].items()
    return p - max((float(q) for name, q in others if name != record["target"]), default=0.0)


# ------------------------------------------------------------------ does a judge agree


def _judge(record: Record) -> Told:
    oracle, target = record["oracle"], record["target"]
    if not oracle:
        told = "The bundle has no second classifier, an oracle, that knows this model’s answers."
        return "No judge here", told, "unknown"
    seen, flipped = oracle["label"], record["flipped"]
    says = f"The oracle, a classifier that no method ever sees, says “{seen}”"
    sure = percent(oracle["target_probability"])
    if seen == target:
        if flipped:
            return "Yes", f"{says}, too ({sure}).", "good"
        return "It sees the target", f"{says} ({sure}), though the answer did not flip.", "caution"
    if not flipped:
        return "Not the target", f"{says} and gives “{target}” {sure}.", "bad"
    as_before = seen == record["factual"]["label"]
    says += ", as the model did before," if as_before else ", which is another class again,"
    return "No", f"{says} and gives “{target}” {sure}.", "bad"


# ------------------------------------------------------------------ how much changed


def _change(record: Record) -> Told:
    changed, strongest = number(record, "changed_area"), number(record, "change_inside")
    if changed is None or strongest is None:
        return "Not known", "The changes were not measured.", "unknown"
    if strongest == 0:
        return "Nothing", "The answer is your picture: no pixel changed.", "bad"
    far = f"{percent(strongest)} of the way from black to white"
    if changed == 0:
        told = f"No pixel changed by more than a tenth; the strongest by {far}."
        return "Nothing that can be seen", told, "caution" if record["flipped"] else "bad"
    area = float(record["region"]["area"])
    where = "picture" if area >= 1 else "region"
    share = min(changed / area, 1.0) if area else 1.0
    amount = next((word for most, word in AMOUNTS if share < most), "Nearly all")
    strength = next((word for most, word in STRENGTHS if strongest < most), "strongly")
    value = f"{amount} of the {where}, {strength}"
    told = (
        f"{percent(share)} of the {where}’s pixels changed by more than a tenth, the strongest by "
        f"{far}."
    )
    if changed <= ALMOST_ALL:
        return value, told, "good"
    return value, f"{told} So much is hardly the same picture, and tells little of it.", "caution"


# ------------------------------------------------------------------ how typical is it


def _typical(record: Record) -> Told:
    target, oracle = record["target"], record["oracle"]
    place, nats = number(record, "log_density_percentile"), number(record, "log_density")
    looked = record.get("domain", {}).get("counterfactual")
    if looked and looked["unlike"]:
        told = f"Compared with {looked['count']} real pictures of all classes, {looked['why']}."
        return "Unlike real ones", told, "bad"
    if place is not None:
        share = "No real picture" if place == 0 else f"{percent(place / 100)} of real pictures"
        verb = "is" if place == 0 else "are"
        value, judgement = _place(place)
        told = f"{share} of “{target}” {verb} less likely than the answer, by the bundle’s density."
        return value, f"{told} Real ones have half on average.", judgement
    if nats is not None:
        told = f"Its log density is {nats:.0f} nats; there are no real pictures to compare it with."
        return "Not known", told, "unknown"
    if oracle:
        p = oracle["target_probability"]
        told = f"No density can tell here. The oracle gives “{target}” {percent(p)}, a weaker sign."
        if p >= SURE:
            return "Convincing to the oracle", told, "good"
        return ("Doubtful", told, "caution") if p >= UNSURE else ("Not convincing", told, "bad")
    told = "Neither a density nor an oracle knows this model’s answers, so nothing here can tell."
    return "Not known", told, "unknown"


def _place(percentile: float) -> tuple[str, Judgement]:
    if percentile < VERY_UNUSUAL:
        return "Very unusual", "bad"
    if percentile < UNUSUAL:
        return "Unusual", "caution"
    return ("Smoother than real ones", "caution") if percentile > SMOOTH else ("Typical", "good")


QUESTIONS: tuple[tuple[str, str, Callable[[Record], Told]], ...] = (
    ("flip", "Did the answer flip?", _flip),
    ("judge", "Does an independent judge agree?", _judge),
    ("change", "How much changed?", _change),
    ("typical", "How typical is the answer?", _typical),
)
