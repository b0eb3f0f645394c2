"""What a report of several answers to one question says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from backends.core import Answer, Frame
from studio.export.answer_report import ABSOLUTE, READING, SIDE, SMALL, region_words, shown, source
from studio.export.document import (
    Captioned,
    Document,
    PictureRow,
    Prose,
    Section,
    ValueTable,
    Verdict,
)
from studio.export.film import film_strip
from studio.export.heatmaps import absolute_difference, as_picture, outlined
from studio.export.labels import model_title, opinion_text
from studio.export.second_opinions import believed, second_columns
from studio.export.snippets import repeat_comparison

if TYPE_CHECKING:
    from backends.service.bundles import BundleInfo

__all__ = ["Compared", "comparison_report", "comparison_strip"]

ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}
OUTCOMES = {"flipped": "flipped", "not_flipped": "not flipped", "cancelled": "stopped"}
COLUMNS, WIDTH = 5, 400  # of answers across the page; pixels of one
NOTE = (
    "factual.png and region.png lie in each answer’s folder of the zip. These take every method’s "
    "usual settings where none are given; those that an answer was made with stand in its "
    "result.json."
)


@dataclass(frozen=True)
class Compared:
    """One answer among others.

    :ivar title: what tells it from the others, as :func:`studio.export.labels.answer_titles` says.
    :ivar chosen: whether it convinced the person.
    :ivar settings: that were given; the others are the method's usual ones.
    """

    title: str
    answer: Answer
    frames: Sequence[Frame] = ()
    chosen: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


def comparison_report(
    found: Sequence[Compared], problems: Mapping[str, str], about: BundleInfo,
    models: Sequence[str] = (),
) -> Document:  # fmt: skip
    """The question, every answer with how much it changed, their numbers, and how to repeat it.

    :param found: the answers, one or more.
    :param problems: by its title, why a run has no answer.
    :param about: of the bundle, from :func:`backends.service.about`.
    :param models: names of two models that were compared: each was asked about the other's answers.
    """
    first = found[0].answer
    record = first.record
    factual, target = record["factual"], record["target"]
    asked = as_picture(first.factual)
    if record["region"]["area"] < 1:
        asked = outlined(first.factual, first.mask, max(384, min(SIDE, *asked.size)))
    titles = {name: model_title(name, about) for name in models}
    question = Captioned(shown(asked), "Factual", _factual_says(found, titles))
    without = [f"{title}: {reason}." for title, reason in problems.items()]
    sections = [
        Section("", [_verdict(found, target, len(problems), titles), PictureRow([question])]),
        Section("Answers", _pictures(found, about, titles)),
        Section("Numbers", [_numbers(found, about["metrics"], titles)]),
        Section("Without an answer", [Prose(without)] if without else []),
        Section(
            "Repeat it",
            [
                Prose([NOTE]),
                *repeat_comparison(record, [(r.answer.record, r.settings) for r in found], models),
            ],
        ),
        Section("How to read this", [Prose(READING)]),
    ]
    return Document(
        f"What would make the model say “{target}” instead of “{factual['label']}”?",
        f"{about['title']} · {len(found)} answers · {region_words(record)}",
        [section for section in sections if section.blocks],
        source(record),
        blocky=max(first.factual.shape[:2]) <= SMALL,
    )


def comparison_strip(found: Sequence[Compared]) -> Image.Image:
    """The film strips of the answers, one below the other, the factual at the left of each."""
    strips = [film_strip(one.answer, one.frames, title=one.title) for one in found]
    whole = Image.new("RGB", (max(s.width for s in strips), sum(s.height for s in strips)), "white")
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def _factual_says(found: Sequence[Compared], titles: Mapping[str, str]) -> str:
    """What the model says of the factual; of two models, what each does."""
    said: dict[str, Mapping[str, Any]] = {}
    for one in found:
        record = one.answer.record
        said.setdefault(record["model"], record["factual"])
        if opinion := record.get("second_opinion"):
            said.setdefault(opinion["model"], opinion["factual"])
    who = titles or {found[0].answer.record["model"]: "the model"}
    return "; ".join(f"{who[name]} says {_sure(said[name])}" for name in who if name in said)


def _sure(opinion: Mapping[str, Any]) -> str:
    label = opinion["label"]
    return f"“{label}”" + (
        "" if "value" in opinion else f" ({opinion['probabilities'][label]:.0%})"
    )


def _verdict(
    found: Sequence[Compared], target: str, lost: int, titles: Mapping[str, str]
) -> Verdict:
    records = [one.answer.record for one in found]
    flipped = [r for r in records if r["status"] == "flipped"]
    who = "the model that was asked" if titles else "the model"
    lines = [f"{len(flipped)} of {len(found) + lost} runs made {who} say “{target}”."]
    rows = [{"model": r["model"], "flipped": r["flipped"], **second_columns(r)} for r in records]
    for told in believed(rows):
        line = f"{titles[told['model']]}: flipped by {told['flipped']} of {told['answers']} answers"
        if told["believes"] is not None:
            line += f", of which {titles[told['second']]} believes {told['believes']}"
        lines.append(f"{line}.")
    judged = [r["oracle"]["agrees"] for r in flipped if r["oracle"]]
    if judged:
        agrees = f"agrees on {sum(judged)} of those {len(judged)}"
        lines.append(f"The oracle, a classifier that no method saw, {agrees}.")
    lines += [f"The answer of {one.title} convinced the person." for one in found if one.chosen]
    return Verdict("good" if flipped and all(judged) else "caution", lines)


def _pictures(
    found: Sequence[Compared], about: BundleInfo, titles: Mapping[str, str]
) -> list[PictureRow]:
    """Rows of answers, each above a row of what they changed."""
    rows = []
    for start in range(0, len(found), COLUMNS):
        few = found[start : start + COLUMNS]
        answers = [(one, shown(as_picture(one.answer.counterfactual), WIDTH)) for one in few]
        heats = [shown(absolute_difference(one.answer), WIDTH) for one in few]
        rows += [
            PictureRow(
                [Captioned(p, one.title, _outcome(one, about, titles)) for one, p in answers],
                COLUMNS,
            ),
            PictureRow([Captioned(h, "", "how much changed", ABSOLUTE) for h in heats], COLUMNS),
        ]
    return rows


def _outcome(one: Compared, about: BundleInfo, titles: Mapping[str, str]) -> str:
    record = one.answer.record
    label = record["counterfactual"]["label"]
    share = record["counterfactual"]["probabilities"][label]
    text = f"{OUTCOMES[record['status']]}: says “{label}” ({share:.0%})"
    if opinion := record.get("second_opinion"):
        text += (
            f"; {titles.get(opinion['model'], opinion['model'])}: {opinion_text(opinion, about)}"
        )
    return text


def _numbers(
    found: Sequence[Compared], metrics: Mapping[str, Any], titles: Mapping[str, str]
) -> ValueTable:
    """A row an answer, under the numbers that Compare shows."""
    values = [_values(one.answer.record) for one in found]
    names = [
        name for name, m in metrics.items()
        if m["compared"] == "always"
        or (m["compared"] == "known" and any(v.get(name) is not None for v in values))
    ]  # fmt: skip
    heads = [
        f"{m['short'] or m['title']}{ARROWS[m['direction']]}" for m in (metrics[n] for n in names)
    ]
    rows = [
        [
            one.title,
            *_judges(one, titles),
            *(_number(metrics[n]["form"], row.get(n)) for n in names),
        ]
        for one, row in zip(found, values, strict=True)
    ]
    longest = [max(map(len, head.split())) for head in heads]  # a word is not to be broken
    judges = ["Oracle", "Other model"] if titles else ["Oracle"]
    width = 0.82 - 0.07 * len(judges)
    widths = [0.18, *[0.07] * len(judges)]
    widths += [width * length / sum(longest) for length in longest]
    return ValueTable(
        ["Method", *judges, *heads], rows, widths, frozenset(range(1 + len(judges), len(widths))),
        "↑ higher is better, ↓ lower is better; – not known.",
    )  # fmt: skip


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    calls = sum(n["forward"] + n["backward"] for n in record["nfe"].values())
    return record["metrics"] | {"nfe": calls or None, "seconds": record["seconds"]}


def _judges(one: Compared, titles: Mapping[str, str]) -> list[str]:
    """What the oracle says, and of two models the other one."""
    oracle, second = one.answer.record["oracle"], one.answer.record.get("second_opinion")
    said = [oracle["label"] if oracle else None]
    said += [second["counterfactual"]["label"] if second else None] if titles else []
    return ["–" if label is None else f"“{label}”" for label in said]


def _number(form: str, value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else form.format(value)
