"""Which method to take, from what a person has and wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from backends.sentences import Sentence, joined
from backends.service.bundles import MethodInfo

__all__ = ["WANTS", "Advised", "Situation", "Want", "ranked"]

Want = Literal["speed", "several", "closeness", "realism"]
WANTS: Mapping[Want, str] = {
    "speed": Sentence("A quick answer"),
    "several": Sentence("Several answers"),
    "closeness": Sentence("As few changes as possible"),
    "realism": Sentence("An answer that looks real"),
}
BECAUSE: Mapping[Want, str] = {
    "speed": Sentence("it is among the quick ones"),
    "several": Sentence("another seed gives another answer"),
    "closeness": Sentence("it stays near your picture"),
    "realism": Sentence("its answers look like real pictures"),
}
WISHES: Mapping[Want, str] = {
    "speed": Sentence("“a quick answer”"),
    "several": Sentence("“several answers”"),
    "closeness": Sentence("“as few changes as possible”"),
    "realism": Sentence("“an answer that looks real”"),
}
KINDS = {"method": 0.0, "variant": -0.5, "baseline": -10.0}
WANTED, NEEDED = 1.0, 1.5  # what a wish and what the situation weigh


@dataclass(frozen=True)
class Situation:
    """What a person has and wants.

    :ivar gradients: whether the model has some.
    :ivar marked: whether change is allowed in a region only.
    """

    gradients: bool = True
    marked: bool = False
    wants: frozenset[Want] = frozenset()


@dataclass(frozen=True)
class Advised:
    """A method, and why to take it or not, in one sentence.

    :ivar seconds: that a run took here lately; None where none was.
    """

    name: str
    title: str
    because: str
    strengths: str
    costs: str
    seconds: float | None = None


def ranked(
    methods: Mapping[str, MethodInfo],
    situation: Situation,
    seconds: Mapping[str, float] | None = None,
) -> list[Advised]:
    """The methods that can run, the most fitting first; equally fitting ones stay in their order.

    :param methods: as a bundle's page lists them; those with a ``problem`` are left out.
    :param seconds: that a run of a method took lately, by name.
    """
    known = dict(seconds or {})
    able = {name: entry for name, entry in methods.items() if entry["problem"] is None}
    rows = []
    for name, entry in able.items():
        reasons, missed = _reasons(name, entry, situation, known)
        score = KINDS[entry["kind"]] + sum(reasons.values())
        because = _sentence(entry, list(reasons), missed)
        rows.append(
            (score, Advised(
                name, entry["title"], because, entry["strengths"], entry["costs"], known.get(name),
            ))
        )  # fmt: skip
    return [advised for _, advised in sorted(rows, key=lambda row: -row[0])]


def _reasons(
    name: str, entry: MethodInfo, situation: Situation, seconds: Mapping[str, float]
) -> tuple[dict[str, float], list[Want]]:
    """What speaks for a method with what that weighs, and the wishes that it does not meet."""
    reasons: dict[str, float] = {}
    if not situation.gradients and not entry["gradients"]:
        reasons[Sentence("your model gives no gradients, and it needs none")] = NEEDED
    if situation.marked and "regions" in entry["suits"]:
        reasons[Sentence("you marked a region, and it is made to repaint one")] = NEEDED
    missed = []
    for want in (w for w in WANTS if w in situation.wants):
        if _meets(want, name, entry, seconds):
            reasons[BECAUSE[want]] = WANTED
        else:
            missed.append(want)
    return reasons, missed


def _meets(want: Want, name: str, entry: MethodInfo, seconds: Mapping[str, float]) -> bool:
    if want == "several":
        return entry["seeded"]
    if want == "speed" and name in seconds and len(seconds) > 1:
        return seconds[name] <= sorted(seconds.values())[(len(seconds) - 1) // 2]
    return want in entry["suits"]


def _sentence(entry: MethodInfo, reasons: list[str], missed: list[Want]) -> str:
    if entry["kind"] == "baseline":
        return Sentence("A baseline, to compare the others with.")
    if reasons:
        *first, last = reasons
        told = Sentence("{first}, and {last}", first=joined(", ", first), last=last)
        return Sentence("{reasons}.", reasons=told if first else last).capitalized
    if missed:
        wishes = joined(" or ", [WISHES[want] for want in missed])
        return Sentence("Not made for {wishes}.", wishes=wishes)
    return Sentence("A good choice when nothing else matters more.")
