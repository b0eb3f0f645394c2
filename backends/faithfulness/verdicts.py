"""What the bench found: a row for each method, factor, strength and region, and what a person would
have concluded, in sentences derived from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from backends import registry
from backends.faithfulness.bench import BenchResults, ShortcutPlan
from backends.faithfulness.factors import FACTORS
from backends.faithfulness.intervals import Estimate, auroc, mean
from backends.faithfulness.worlds import CLEAN, CONTROL, PLANTED, RETRAINED

__all__ = ["ALL", "CHANCE", "LED", "RELIES", "table"]

# Fixed before a table was computed.
RELIES = 0.1  # a model relies on a factor if its treatment effect's interval lies above this
CHANCE = 0.5  # a method shows it if the interval of its AUROC lies above this
LED = 0.1  # a method moves it in the control if the movement's interval lies above this share
ALL = "all"  # strengths whose model relies on the factor, pooled


def table(plan: ShortcutPlan, found: BenchResults) -> dict[str, Any]:
    """The content of table.json: what was asked, what the models rely on, the rows, and the
    conclusions. The same for the same plan, whatever was stopped or resumed.

    :returns: ``plan``, ``thresholds``, ``models``, ``rows``, ``conclusions``; JSON values.
    """
    models = _models(plan, found)
    relied = {
        factor: [m["strength"] for m in models
                 if m["factor"] == factor and m["role"] == PLANTED and m["relies"]]
        for factor in plan.factors
    }  # fmt: skip
    rows = [
        row
        for method in plan.methods
        for factor in plan.factors
        for row in _rows(plan, found, method, factor, relied[factor])
    ]
    asked = {k: v for k, v in asdict(plan).items() if k not in ("workers", "data")}
    return {
        "plan": asked | {"data": "MNIST" if plan.data else "pictures of the bundle"},
        "thresholds": {"relies": RELIES, "found": CHANCE, "led": LED},
        "retrained": list(RETRAINED),
        "factors": {
            name: {
                "title": FACTORS[name].title,
                "unit": FACTORS[name].unit,
                "drawn": FACTORS[name].drawn,
            }
            for name in plan.factors
        },
        "models": models,
        "rows": rows,
        "conclusions": [_conclusion(plan, method, rows) for method in plan.methods],
    }


def _models(plan: ShortcutPlan, found: BenchResults) -> list[dict[str, Any]]:
    """What intervening on the factor does to each classifier."""
    told = []
    for (factor, strength, role), stored in found.effects.items():
        if role == CONTROL:  # the clean world's classifier
            continue
        effect = mean(np.array([stored["treatment"]]), plan.seed)
        assert effect is not None
        told.append({
            "factor": factor, "strength": strength, "role": role, "effect": effect.value,
            "effect_low": effect.low, "effect_high": effect.high,
            "switched": round(float(np.mean(stored["switched"])), 4),
            "relies": effect.low > RELIES, "accuracy_without": round(stored["accuracy"], 4),
        })  # fmt: skip
    return told


def _rows(
    plan: ShortcutPlan, found: BenchResults, method: str, factor: str, relied: Sequence[float]
) -> list[dict[str, Any]]:
    rows = []
    for region in plan.regions_of(FACTORS[factor]):
        for strength in plan.strengths:
            row = _row(plan, found, method, factor, [strength], region)
            row |= {"strength": f"{strength:g}", "relies": strength in relied}
            rows.append(row | {"conclusion": _word(row)})
        if relied:
            row = _row(plan, found, method, factor, relied, region)
            row |= {"strength": ALL, "relies": True}
            rows.append(row | {"conclusion": _word(row)})
    return rows


def _row(
    plan: ShortcutPlan,
    found: BenchResults,
    method: str,
    factor: str,
    strengths: Sequence[float],
    region: str,
) -> dict[str, Any]:
    """One method and region over the models of some strengths."""
    row: dict[str, Any] = {"method": method, "factor": factor, "strength": "", "region": region}
    worlds = {
        PLANTED: [found.answers[factor, s, PLANTED, method] for s in strengths],
        CONTROL: [found.answers[factor, s, CONTROL, method] for s in strengths],
        CLEAN: [found.answers[factor, 0.0, CLEAN, method]],
    }
    problem = next((a["problem"] for some in worlds.values() for a in some if "problem" in a), None)
    if problem is not None:
        return row | {"problem": problem}
    moved = {role: _values(some, region, "movement") for role, some in worlds.items()}
    row |= {"models": len(strengths), "pictures": moved[PLANTED].shape[1]}
    for role, some in worlds.items():
        row[f"flipped_{role}"] = round(float(_values(some, region, "flipped").mean()), 4)
        at = mean(moved[role], plan.seed)
        row |= _told(f"movement_{role}", at)
    clean = np.repeat(moved[CLEAN], len(strengths), axis=0)
    row |= _told("auroc", auroc(moved[PLANTED], moved[CONTROL], plan.seed))
    return row | _told("auroc_clean", auroc(moved[PLANTED], clean, plan.seed))


def _values(answers: Sequence[dict[str, Any]], region: str, name: str) -> np.ndarray:
    """[models, pictures]; NaN for what could not be measured."""
    return np.array(
        [[row[name] for row in answer["rows"] if row["region"] == region] for answer in answers],
        dtype=float,
    )


def _told(name: str, at: Estimate | None) -> dict[str, float | None]:
    if at is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: at.value, f"{name}_low": at.low, f"{name}_high": at.high}


def _above(value: float | None, bound: float) -> bool:
    return value is not None and value > bound


def _word(row: dict[str, Any]) -> str:
    """What a person would have concluded, beside what is true."""
    if "problem" in row:
        return "could not run"
    shows = _above(row["auroc_low"], CHANCE)
    if row["relies"]:
        return "found" if shows else "missed"
    return "false alarm" if shows else "rightly silent"


def _conclusion(plan: ShortcutPlan, method: str, rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """A sentence on one method, first region, all strengths that a model relies on."""
    title = registry.method(method).title
    region = plan.regions[0]
    own = [r for r in rows if (r["method"], r["region"]) == (method, region)]
    pooled = [r for r in own if r["strength"] == ALL]
    groups = {
        word: [_named(r) for r in pooled if r["conclusion"] == word] for word in ("found", "missed")
    }
    lost = [_named(r) for r in pooled if "problem" in r]
    led = [_named(r, bare=True) for r in pooled if _above(r.get("movement_control_low"), LED)]
    said = []
    if groups["found"]:
        said.append(f"would have found {_listed(groups['found'])}")
    if groups["missed"]:
        said.append(f"would have missed {_listed(groups['missed'])}")
    if lost:
        said.append(f"would have had no answer about {_listed(lost)}")
    if not said:
        return {"method": method, "sentence": f"{title}: no model relied on a factor."}
    sentence = f"By {title} a person {', and '.join(said)}."
    if led:
        sentence += (
            f" It moves {_listed(led)} towards the target's level even where the model ignores "
            "it, so that without a control a person would have suspected a model that is sound."
        )
    seems = [
        _named(r, bare=True) for r in pooled
        if r["conclusion"] == "missed" and _above(r.get("auroc_clean_low"), CHANCE)
    ]  # fmt: skip
    if seems:
        sentence += (
            f" Compared with a study of clean data it would have seemed to show {_listed(seems)}: "
            "it follows what goes along with the class in its prior's pictures."
        )
    return {"method": method, "sentence": sentence}


def _named(row: dict[str, Any], *, bare: bool = False) -> str:
    title = f"the {FACTORS[row['factor']].title}"
    if bare or row.get("auroc") is None:
        return title
    return f"{title} ({row['auroc']:.2f}, {row['auroc_low']:.2f} to {row['auroc_high']:.2f})"


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
