"""The bench of planted shortcuts as a table of text and as a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.export.document import (
    Captioned,
    Document,
    PictureRow,
    Prose,
    Section,
    ValueTable,
    Verdict,
)
from studio.export.heatmaps import enlarge

if TYPE_CHECKING:
    from backends.faithfulness import BenchResults

__all__ = ["faithfulness_report", "printed"]

SIDE, COLUMNS = 96, 4
EFFECT = (
    "Every classifier learnt from digits into which one factor was planted, at the level of the "
    "class with a probability of (1 + strength) / 2. Its treatment effect is the mean change of "
    "the probability of the classes 5 to 9 when the factor alone is set from one level to the "
    "other, on pictures that it did not learn from."
)
SCORE = (
    "Every question goes from a class of one level to a class of the other. A movement of 1 means "
    "that the counterfactual moved the factor the whole way to the target's level. The AUROC tells "
    "how well that movement separates the classifier with the shortcut from the control: a "
    "classifier that ignores the factor, explained with the same priors, pictures and targets. .5 "
    "is chance. Brackets hold 95 % bootstrap intervals over the pictures."
)
CLEAN_DATA = (
    "“Beside clean data” compares with a control whose priors, too, learnt from pictures in which "
    "the factor tells nothing: a method that follows the data and not the model passes there."
)


def printed(table: Mapping[str, Any]) -> str:
    """Effects of the factors, AUROC of the methods, and conclusions, as Markdown."""
    models = [
        "| factor | strength | treatment effect | labels switched | right without it |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(_model(m))} |" for m in table["models"]),
    ]  # fmt: skip
    factors = table["plan"]["factors"]
    heads = ["method", *(f"{factor}" for factor in factors)]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(row)} |" for row in _summary(table)]
    told = [f"- {one['sentence']}" for one in table["conclusions"]]
    return "\n".join([*models, "", *lines, "", *told])


def faithfulness_report(table: Mapping[str, Any], found: BenchResults) -> Document:
    """What the models rely on, what the methods show of it, every row, and pictures."""
    plan = table["plan"]
    factors = plan["factors"]
    best = [row for row in table["rows"] if row["strength"] == "all" and row.get("auroc")]
    shown = [row for row in best if row["conclusion"] == "found"]
    head = (
        f"{len(shown)} of {len(best)} combinations of method, factor and region show the factor "
        "that the model relies on."
    )
    share = (len(factors) + 1) * [1 / (len(factors) + 1)]
    sections = [
        Section("", [Verdict("good" if shown else "caution", [head])]),
        Section("Which methods show it", [
            ValueTable(["Method", *factors], _summary(table), share,
                       note=f"AUROC of {_first_region(plan)}, all strengths that a model relies "
                       "on."),
            Prose([one["sentence"] for one in table["conclusions"]]),
        ]),
        Section("What the models rely on", [
            ValueTable(["Factor", "Strength", "Treatment effect", "Labels switched",
                        "Right on digits without it"],
                       [_model(m) for m in table["models"]], [0.2] * 5),
        ]),
        Section("Pictures", _pictures(plan, found)),
        Section("All rows", [_rows(table["rows"])]),
        Section("How to read this", [Prose([EFFECT, SCORE, CLEAN_DATA, _priors(table)])]),
    ]  # fmt: skip
    return Document(
        "Do counterfactuals show what the model relies on?",
        f"{plan['count']} pictures for each model, method and region; seed {plan['seed']}",
        sections, "Made by: python -m studio faithfulness", blocky=True,
    )  # fmt: skip


def _priors(table: Mapping[str, Any]) -> str:
    """Which priors saw the factor, and which could not know it."""
    titles = {
        drawn: [f["title"] for f in table["factors"].values() if f["drawn"] == drawn]
        for drawn in (True, False)
    }
    told = f"Trained on the pictures with the factor: {', '.join(table['retrained'])}. "
    told += "All other priors learnt clean digits"
    if titles[True]:
        told += f"; those vary in {' and '.join(titles[True])}"
    if titles[False]:
        told += (
            f"; those have no {' and no '.join(titles[False])}, which such a prior can hardly add"
        )
    return f"{told}."


def _model(m: Mapping[str, Any]) -> list[str]:
    name = f"{m['strength']:g}" if m["strength"] else "0 (control)"
    at = f"{m['effect']:.2f} [{m['effect_low']:.2f}, {m['effect_high']:.2f}]"
    switched, right = (f"{m[key]:.0%}" for key in ("switched", "accuracy_without"))
    return [m["factor"], name, at, switched, right]


def _first_region(plan: Mapping[str, Any]) -> str:
    """What the summary is about, as a phrase."""
    region = plan["regions"][0]
    return "the whole picture" if region == "whole" else f"the region {region}"


def _summary(table: Mapping[str, Any]) -> list[list[str]]:
    """A row a method: its AUROC for every factor, first region, strengths pooled."""
    region = table["plan"]["regions"][0]
    cells = {
        (row["method"], row["factor"]): row for row in table["rows"]
        if (row["strength"], row["region"]) == ("all", region)
    }  # fmt: skip
    return [
        [method, *(_cell(cells.get((method, f))) for f in table["plan"]["factors"])]
        for method in table["plan"]["methods"]
    ]


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "no model relies on it"
    return f"{_interval(row, 'auroc')} {row['conclusion']}".strip()


def _interval(row: Mapping[str, Any], name: str) -> str:
    if row.get(name) is None:
        return ""
    return f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"


def _rows(rows: Sequence[Mapping[str, Any]]) -> ValueTable:
    heads = [
        "Method", "Factor", "Strength", "Region", "Moved", "Moved, control", "Flipped",
        "AUROC", "Beside clean data", "Conclusion",
    ]  # fmt: skip
    body = [
        [
            row["method"], row["factor"], row["strength"], row["region"],
            _interval(row, "movement_planted"), _interval(row, "movement_control"),
            f"{row['flipped_planted']:.0%} / {row['flipped_control']:.0%}"
            if "flipped_planted" in row else "",
            _interval(row, "auroc"), _interval(row, "auroc_clean"),
            row.get("problem") or row["conclusion"],
        ]
        for row in rows
    ]  # fmt: skip
    return ValueTable(
        heads, body, [0.12, 0.08, 0.06, 0.09, 0.13, 0.13, 0.08, 0.12, 0.12, 0.07],
        note="Flipped: of the model with the shortcut / of the control.",
    )  # fmt: skip


def _pictures(plan: Mapping[str, Any], found: BenchResults) -> list[PictureRow]:
    """The first pictures of each method and factor at the greatest strength, first region."""
    strength, rows = max(plan["strengths"]), []
    for factor in plan["factors"]:
        for method in plan["methods"]:
            ours, theirs = (
                [row for row in found.answers[factor, strength, role, method].get("rows", [])
                 if row["region"] == plan["regions"][0] and "factual" in row]
                for role in ("planted", "control")
            )  # fmt: skip
            items = [
                Captioned(_picture(a[kind]), text, f"{a['source']} to {a['target']}")
                for a, b in list(zip(ours, theirs, strict=False))[:1]
                for a, kind, text in (
                    (a, "factual", f"{factor}: factual"),
                    (a, "counterfactual", f"{method}, shortcut"),
                    (b, "counterfactual", f"{method}, control"),
                )
            ]
            rows += [PictureRow(items, COLUMNS)] if items else []
    return rows


def _picture(text: str) -> Image.Image:
    return enlarge(Image.open(io.BytesIO(base64.b64decode(text))), SIDE)
