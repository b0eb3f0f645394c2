"""What a person can take from an answer: four facts in words. Made from the content of result.json
alone, so that an answer of last year reads as one of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Literal, TypedDict

from backends.sentences import Sentence, joined

__all__ = ["SMOOTH", "UNUSUAL", "Fact", "Judgement", "Record", "facts", "number", "percent"]

Judgement = Literal["good", "caution", "bad", "unknown"]
Record = Mapping[str, Any]
Told = tuple[str, str, Judgement]  # value, sentence, judgement

BARELY = 0.1  # lead over the next class below which the model could as well say that
ALMOST_ALL = 0.5  # share of the picture above which an answer is hardly the same picture
UNUSUAL, VERY_UNUSUAL, SMOOTH = 5.0, 1.0, 99.0  # percentiles of density
SURE, UNSURE = 0.9, 0.5  # the oracle's probability of the target
AMOUNTS = (
    (0.05, Sentence("Very little")),
    (0.2, Sentence("A little")),
    (0.5, Sentence("A part")),
    (0.8, Sentence("Much")),
)
STRENGTHS = ((0.2, Sentence("slightly")), (0.5, Sentence("clearly")))


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
        return Sentence("under 1 %")
    if 0.99 < share < 1:
        return Sentence("over 99 %")
    return f"{100 * share:.0f} %"


def number(record: Record, name: str) -> float | None:
    """A metric of the record; None where it was not measured, or is no number."""
    value = record["metrics"].get(name)
    return float(value) if value is not None and isfinite(value) else None


# ------------------------------------------------------------------ did it flip


def _flip(record: Record) -> Told:
    told = _people_said(record) if record.get("asked") else _model_said(record)
    if record["status"] == "cancelled":
        stopped = Sentence(
            "You stopped at step {step} of {steps}: this is no finished answer. {told}",
            step=record["step"], steps=record["steps"], told=told,
        )  # fmt: skip
        return Sentence("Stopped"), stopped, "unknown"
    if not record["flipped"]:
        return Sentence("No"), told, "bad"
    lead = _lead(record)
    if lead is not None and lead < BARELY:
        close = Sentence("{told} Another class is almost as likely.", told=told)
        return Sentence("Only just"), close, "caution"
    return Sentence("Yes"), told, "good"


def _model_said(record: Record) -> Sentence:
    """What the model said before and says now."""
    target, metrics = record["target"], record["metrics"]
    if "value" in metrics and "factual_value" in metrics:
        return Sentence(
            "The model measured {before:.2f} and now {now:.2f}; you asked for {target}.",
            before=metrics["factual_value"], now=metrics["value"], target=target,
        )  # fmt: skip
    before, after = record["factual"]["label"], record["counterfactual"]["label"]
    p = _probability(record)
    sure = joined("", (" (", percent(p), ")")) if p is not None else ""
    if record["flipped"]:
        return Sentence(
            "The model said “{before}” and now says “{target}”{sure}.",
            before=before, target=target, sure=sure,
        )  # fmt: skip
    if after == target:
        return Sentence(
            "The model cannot decide between “{target}”{sure} and another class.",
            target=target, sure=sure,
        )  # fmt: skip
    if after == before:
        return Sentence(
            "The model still says “{after}”, not “{target}”{sure}.",
            after=after, target=target, sure=sure,
        )  # fmt: skip
    return Sentence(
        "The model now says “{after}”, not “{target}”{sure}.",
        after=after, target=target, sure=sure,
    )  # fmt: skip


def _people_said(record: Record) -> Sentence:
    """What a person, who stood in for the model, called the answer."""
    label, target = record["asked"]["label"], record["target"]
    model = record["counterfactual"]["label"]
    if label == target:
        return Sentence(
            "In the end you called it “{target}”, as asked. The model itself says “{model}”.",
            target=target, model=model,
        )  # fmt: skip
    return Sentence(
        "In the end you called it “{label}”, not “{target}”. The model itself says “{model}”.",
        label=label, target=target, model=model,
    )  # fmt: skip


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
    if record.get("model") == "oracle":
        told = Sentence(
            "You asked the oracle itself, and nobody else here can judge it; in Compare the "
            "classifier says what it makes of this answer."
        )
        return Sentence("No judge here"), told, "unknown"
    if not oracle:
        told = Sentence(
            "The bundle has no second classifier, an oracle, that knows this model’s answers."
        )
        return Sentence("No judge here"), told, "unknown"
    seen, flipped = oracle["label"], record["flipped"]
    words = {"seen": seen, "target": target, "sure": percent(oracle["target_probability"])}
    if seen == target:
        if flipped:
            told = Sentence(
                "The oracle, a classifier that no method ever sees, says “{seen}”, too ({sure}).",
                **words,
            )
            return Sentence("Yes"), told, "good"
        told = Sentence(
            "The oracle, a classifier that no method ever sees, says “{seen}” ({sure}), though the "
            "answer did not flip.", **words,
        )  # fmt: skip
        return Sentence("It sees the target"), told, "caution"
    if not flipped:
        told = Sentence(
            "The oracle, a classifier that no method ever sees, says “{seen}” and gives “{target}” "
            "{sure}.", **words,
        )  # fmt: skip
        return Sentence("Not the target"), told, "bad"
    if seen == record["factual"]["label"]:
        told = Sentence(
            "The oracle, a classifier that no method ever sees, says “{seen}”, as the model did "
            "before, and gives “{target}” {sure}.", **words,
        )  # fmt: skip
    else:
        told = Sentence(
            "The oracle, a classifier that no method ever sees, says “{seen}”, which is another "
            "class again, and gives “{target}” {sure}.", **words,
        )  # fmt: skip
    return Sentence("No"), told, "bad"


# ------------------------------------------------------------------ how much changed


def _change(record: Record) -> Told:
    changed, strongest = number(record, "changed_area"), number(record, "change_inside")
    if changed is None or strongest is None:
        return Sentence("Not known"), Sentence("The changes were not measured."), "unknown"
    if strongest == 0:
        told = Sentence("The answer is your picture: no pixel changed.")
        return Sentence("Nothing"), told, "bad"
    far = Sentence("{share} of the way from black to white", share=percent(strongest))
    if changed == 0:
        told = Sentence("No pixel changed by more than a tenth; the strongest by {far}.", far=far)
        judgement: Judgement = "caution" if record["flipped"] else "bad"
        return Sentence("Nothing that can be seen"), told, judgement
    area = float(record["region"]["area"])
    share = min(changed / area, 1.0) if area else 1.0
    amount = next((word for most, word in AMOUNTS if share < most), Sentence("Nearly all"))
    strength = next((word for most, word in STRENGTHS if strongest < most), Sentence("strongly"))
    if area >= 1:
        value = Sentence("{amount} of the picture, {strength}", amount=amount, strength=strength)
        told = Sentence(
            "{share} of the picture’s pixels changed by more than a tenth, the strongest by {far}.",
            share=percent(share), far=far,
        )  # fmt: skip
    else:
        value = Sentence("{amount} of the region, {strength}", amount=amount, strength=strength)
        told = Sentence(
            "{share} of the region’s pixels changed by more than a tenth, the strongest by {far}.",
            share=percent(share), far=far,
        )  # fmt: skip
    if changed <= ALMOST_ALL:
        return value, told, "good"
    much = Sentence("{told} So much is hardly the same picture, and tells little of it.", told=told)
    return value, much, "caution"


# ------------------------------------------------------------------ how typical is it


def _typical(record: Record) -> Told:
    target, oracle = record["target"], record["oracle"]
    place, nats = number(record, "log_density_percentile"), number(record, "log_density")
    looked = record.get("domain", {}).get("counterfactual")
    if looked and looked["unlike"]:
        told = Sentence(
            "Compared with {count} real pictures of all classes, {why}.",
            count=looked["count"], why=Sentence(looked["why"]),
        )  # fmt: skip
        return Sentence("Unlike real ones"), told, "bad"
    if place is not None:
        value, judgement = _place(place)
        return value, _less_likely(place, target), judgement
    if nats is not None:
        told = Sentence(
            "Its log density is {nats:.0f} nats; there are no real pictures to compare it with.",
            nats=nats,
        )
        return Sentence("Not known"), told, "unknown"
    if oracle:
        p = oracle["target_probability"]
        told = Sentence(
            "No density can tell here. The oracle gives “{target}” {p}, a weaker sign.",
            target=target, p=percent(p),
        )  # fmt: skip
        if p >= SURE:
            return Sentence("Convincing to the oracle"), told, "good"
        if p >= UNSURE:
            return Sentence("Doubtful"), told, "caution"
        return Sentence("Not convincing"), told, "bad"
    told = Sentence(
        "Neither a density nor an oracle knows this model’s answers, so nothing here can tell."
    )
    return Sentence("Not known"), told, "unknown"


def _less_likely(place: float, target: str) -> Sentence:
    """How the answer's place among real pictures is said."""
    if place == 0:
        return Sentence(
            "No real picture of “{target}” is less likely than the answer, by the bundle’s "
            "density. Real ones have half on average.", target=target,
        )  # fmt: skip
    return Sentence(
        "{share} of real pictures of “{target}” are less likely than the answer, by the bundle’s "
        "density. Real ones have half on average.", share=percent(place / 100), target=target,
    )  # fmt: skip


def _place(percentile: float) -> tuple[str, Judgement]:
    if percentile < VERY_UNUSUAL:
        return Sentence("Very unusual"), "bad"
    if percentile < UNUSUAL:
        return Sentence("Unusual"), "caution"
    if percentile > SMOOTH:
        return Sentence("Smoother than real ones"), "caution"
    return Sentence("Typical"), "good"


QUESTIONS: tuple[tuple[str, str, Callable[[Record], Told]], ...] = (
    ("flip", Sentence("Did the answer flip?"), _flip),
    ("judge", Sentence("Does an independent judge agree?"), _judge),
    ("change", Sentence("How much changed?"), _change),
    ("typical", Sentence("How typical is the answer?"), _typical),
)
