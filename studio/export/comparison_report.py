"""What a report of several answers to one question says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from studio.export.snippets import repeat_comparison

if TYPE_CHECKING:
    from backends.service.bundles import BundleInfo

__all__ = ["Compared", "comparison_report", "comparison_strip"]

ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}
OUTCOMES = {"flipped": "flipped", "not_flipped": "not flipped", "cancelled": "stopped"}
COLUMNS, WIDTH = 5, 400  # of answers across the page; pixels of one
NOTE = (
    "factual.png and region.png lie in each answer’s folder of the zip. These take every method’s "
    "default settings; those that an answer was made with stand in its result.json."
)


@dataclass(frozen=True)
class Compared:
    """One answer among others.

    :ivar title: of its method, and its seed where there are several.
    :ivar chosen: whether it convinced the person.
    """

    title: str
    answer: Answer
    frames: Sequence[Frame] = ()
    chosen: bool = False


def comparison_report(
    found: Sequence[Compared], problems: Mapping[str, str], about: BundleInfo
) -> Document:
    """The question, every answer with how much it changed, their numbers, and how to repeat it.

    :param found: the answers, one or more.
    :param problems: by its title, why a run has no answer.
    :param about: of the bundle, from :func:`backends.service.about`.
    """
    first = found[0].answer
    record = first.record
    factual, target = record["factual"], record["target"]
    methods = list(dict.fromkeys(one.answer.record["method"] for one in found))
    seeds = list(dict.fromkeys(one.answer.record["seed"] for one in found))
    asked = as_picture(first.factual)
    if record["region"]["area"] < 1:
        asked = outlined(first.factual, first.mask, max(384, min(SIDE, *asked.size)))
    share = factual["probabilities"][factual["label"]]
    says = f"the model says “{factual['label']}” ({share:.0%})"
    question = Captioned(shown(asked), "Factual", says)
    without = [f"{title}: {reason}." for title, reason in problems.items()]
    sections = [
        Section("", [_verdict(found, target, len(problems)), PictureRow([question])]),
        Section("Answers", _pictures(found)),
        Section("Numbers", [_numbers(found, about["metrics"])]),
        Section("Without an answer", [Prose(without)] if without else []),
        Section("Repeat it", [Prose([NOTE]), *repeat_comparison(record, methods, seeds)]),
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


def _verdict(found: Sequence[Compared], target: str, lost: int) -> Verdict:
    records = [one.answer.record for one in found]
    flipped = [r for r in records if r["status"] == "flipped"]
    lines = [f"{len(flipped)} of {len(found) + lost} runs made the model say “{target}”."]
    judged = [r["oracle"]["agrees"] for r in flipped if r["oracle"]]
    if judged:
        agrees = f"agrees on {sum(judged)} of those {len(judged)}"
        lines.append(f"The oracle, a classifier that no method saw, {agrees}.")
    lines += [f"The answer of {one.title} convinced the person." for one in found if one.chosen]
    return Verdict("good" if flipped and all(judged) else "caution", lines)


def _pictures(found: Sequence[Compared]) -> list[PictureRow]:
    """Rows of answers, each above a row of what they changed."""
    rows = []
    for start in range(0, len(found), COLUMNS):
        few = found[start : start + COLUMNS]
        answers = [(one, shown(as_picture(one.answer.counterfactual), WIDTH)) for one in few]
        heats = [shown(absolute_difference(one.answer), WIDTH) for one in few]
        rows += [
            PictureRow([Captioned(p, one.title, _outcome(one)) for one, p in answers], COLUMNS),
            PictureRow([Captioned(h, "", "how much changed", ABSOLUTE) for h in heats], COLUMNS),
        ]
    return rows


def _outcome(one: Compared) -> str:
    record = one.answer.record
    label = record["counterfactual"]["label"]
    share = record["counterfactual"]["probabilities"][label]
    return f"{OUTCOMES[record['status']]}: says “{label}” ({share:.0%})"


def _numbers(found: Sequence[Compared], metrics: Mapping[str, Any]) -> ValueTable:
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
        [one.title, _oracle(one), *(_number(metrics[n]["form"], row.get(n)) for n in names)]
        for one, row in zip(found, values, strict=True)
    ]
    longest = [max(map(len, head.split())) for head in heads]  # a word is not to be broken
    widths = [0.18, 0.07, *(0.75 * length / sum(longest) for length in longest)]
    return ValueTable(
        ["Method", "Oracle", *heads], rows, widths, frozenset(range(2, len(widths))),
        "↑ higher is better, ↓ lower is better; – not known.",
    )  # fmt: skip


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    calls = sum(n["forward"] + n["backward"] for n in record["nfe"].values())
    return record["metrics"] | {"nfe": calls or None, "seconds": record["seconds"]}


def _oracle(one: Compared) -> str:
    oracle = one.answer.record["oracle"]
    return f"“{oracle['label']}”" if oracle else "–"


def _number(form: str, value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else form.format(value)
