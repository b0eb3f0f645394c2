"""The table of a comparison's numbers: a row a run, and a row a method with its spread."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared.badges import STATUS

__all__ = ["table"]

FACTS = {  # columns that are no number: heading, better, sorted first, what it means
    "method": (N_("Method"), "", "ascending", ""),
    "seed": (N_("Seed"), "", "ascending", ""),
    "flipped": (N_("Flipped"), "↑", "descending", N_("whether the model says the target")),
    "oracle": (
        N_("Oracle says"),
        "↑",
        "descending",
        N_("an independent judge that no method ever sees"),
    ),
}
BETTER = {"higher": ("↑", "descending"), "lower": ("↓", "ascending"), "neither": ("", "ascending")}


def table(
    rows: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    metrics: Mapping[str, Mapping[str, Any]],
    spreads: Sequence[Mapping[str, Any]] = (),
    fixed: Container[str] = (),
) -> Markup:
    """A row a run; headings are buttons that sort. Below, a row a method with its spread.

    :param titles: of the methods.
    :param metrics: of each its title, direction, unit, form and whether it is compared
        (``backends.service.about``).
    :param spreads: as :func:`studio.runs.rows.spreads` gives them.
    :param fixed: the methods that draw nothing.
    """
    numbers = [
        name
        for name, m in metrics.items()
        if m["compared"] == "always"
        or (m["compared"] == "known" and any(row.get(name) is not None for row in rows))
    ]
    best = {name: _best(rows, name, metrics[name]["direction"]) for name in numbers}

    def cell(row: Mapping[str, Any], name: str) -> dict[str, Any]:
        if name in best:
            return _number(row, name, metrics[name]["form"], best[name])
        if name == "seed" and row["method"] in fixed:
            return _cell("any", row["seed"], "number")
        return _fact(row, name, titles)

    # What both models say comes first.
    first = [name for name in numbers if name == "target_probability"]
    rest = [name for name in numbers if name not in first]
    shown = ["method", "seed", "flipped", *first, "oracle", *rest]
    heads = [_heading(name, metrics) for name in shown]
    foot = [[_spread_cell(of, name, titles, metrics) for name in shown] for of in spreads]
    return render(
        "compare.html", "table", heads, [[cell(row, name) for name in shown] for row in rows], foot
    )


def _spread_cell(
    of: Mapping[str, Any], name: str, titles: Mapping[str, str],
    metrics: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """A method's mean and standard deviation of a number, or how many of its answers agree."""
    count = of["answers"]
    if name == "method":
        return _cell(
            _("{method}, mean ± SD", method=titles.get(of["method"], of["method"])), None, "head"
        )
    if name == "seed":
        return _cell(_("{count} seeds", count=count), None, "number")
    if name == "flipped":
        return _cell(_("{flipped} of {count}", flipped=of["flipped"], count=count), None)
    if name == "oracle":
        agree = of["oracle_agrees"]
        return _cell(
            "–" if agree is None else _("{agree} of {count} agree", agree=agree, count=count), None
        )
    if name not in of["numbers"]:
        return _cell("–", None, "number")
    number, form = of["numbers"][name], metrics[name]["form"]
    deviation = form.format(number["deviation"]).lstrip("+")  # it has no direction
    return _cell(f"{form.format(number['mean'])} ± {deviation}", None, "number")


def _heading(name: str, metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if name in FACTS:
        label, arrow, first, hint = FACTS[name]
    else:
        metric = metrics[name]
        arrow, first = BETTER[metric["direction"]]
        label, hint = (
            metric["short"] or metric["title"],
            f"{_(metric['title'])}: {_(metric['unit'])}",
        )
    return {
        "label": f"{_(label)} {arrow}".rstrip(), "first": first, "hint": hint,
        "number": name not in ("method", "flipped", "oracle"),
    }  # fmt: skip


def _best(rows: Sequence[Mapping[str, Any]], name: str, direction: str) -> float | None:
    """The best value among the answers that convince, where there is anything to choose: a search
    that changed nothing must not win for its short distance."""
    values = [row[name] for row in rows if _convinces(row) and row[name] is not None]
    if direction == "neither" or len(set(values)) < 2:
        return None
    return float(max(values) if direction == "higher" else min(values))


def _convinces(row: Mapping[str, Any]) -> bool:
    """Whether the model says the target, and no oracle says otherwise."""
    return row["status"] == "flipped" and row["oracle_agrees"] is not False


def _fact(row: Mapping[str, Any], name: str, titles: Mapping[str, str]) -> dict[str, Any]:
    if name == "method":
        label = _(titles.get(row["method"], row["method"]))
        label += f", {_(row['answer'])}" if row.get("answer") else ""
        return _cell(label, label, "head")
    if name == "flipped":
        text = {True: _("✓ yes"), False: _("✗ no"), None: "–"}[row["flipped"]]
        if row["status"] not in ("flipped", "not_flipped"):
            text = STATUS[row["status"]]
        elif row["flipped"] and not _convinces(row):
            text = _("✓ yes, the oracle disagrees")
        order = None if row["flipped"] is None else row["flipped"] + _convinces(row)
        return _cell(text, order)
    if name == "oracle":
        if row["oracle_label"] is None:
            return _cell("–", None)
        agrees = row["oracle_agrees"]
        text = f"{row['oracle_label']} {_('✓ agrees') if agrees else _('✗ disagrees')}"
        return _cell(text, int(bool(agrees)))
    return _cell(str(row[name]), row[name], "number")


def _number(row: Mapping[str, Any], name: str, form: str, best: float | None) -> dict[str, Any]:
    value = row[name]
    if value is None:
        return _cell("–", None, "number")
    marked = value == best and _convinces(row)
    return _cell(form.format(value), value, "number", best=marked)


def _cell(text: str, value: Any, kind: str = "text", *, best: bool = False) -> dict[str, Any]:
    """A cell for the template: ``value`` is what it is sorted by."""
    return {"text": text, "value": "" if value is None else value, "kind": kind, "best": best}
