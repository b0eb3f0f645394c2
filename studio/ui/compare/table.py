"""The table of a comparison's numbers: a row a run, and a row a method with its spread."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backends.bundles import ORACLE
from studio.export.labels import settings_text
from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared.badges import STATUS

__all__ = ["table"]

FACTS = {  # columns that are no number: heading, better, sorted first, what it means
    "method": (N_("Method"), "", "ascending", ""),
    "model": (N_("Model"), "", "ascending", N_("which of the two models was asked")),
    "seed": (N_("Seed"), "", "ascending", ""),
    "flipped": (N_("Flipped"), "↑", "descending", N_("whether the model says the target")),
    "oracle": (
        N_("Oracle says"),
        "↑",
        "descending",
        N_("an independent judge that no method ever sees"),
    ),
    "second": (
        N_("The other model says"),
        "↑",
        "descending",
        N_("whether it takes the answer for the target, too"),
    ),
}
BETTER = {"higher": ("↑", "descending"), "lower": ("↓", "ascending"), "neither": ("", "ascending")}


def table(
    rows: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    metrics: Mapping[str, Mapping[str, Any]],
    spreads: Sequence[Mapping[str, Any]] = (),
    fixed: Container[str] = (),
    methods: Mapping[str, Mapping[str, Any]] | None = None,
    models: Mapping[str, str] | None = None,
) -> Markup:
    """A row a run; headings are buttons that sort. Below, a row a method, its settings and model
    with its spread.

    :param titles: of the methods.
    :param metrics: of each its title, direction, unit, form and whether it is compared
        (``backends.service.about``).
    :param spreads: as :func:`studio.runs.rows.spreads` gives them.
    :param fixed: the methods that draw nothing.
    :param methods: of each its settings' ``schema``, for their names.
    :param models: titles of the models, by name, where there are two.
    """
    named = _Names(titles, methods or {}, models or {})
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
        return _fact(row, name, named)

    # What both models say comes first.
    first = [name for name in numbers if name == "target_probability"]
    rest = [name for name in numbers if name not in first]
    judged = [] if ORACLE in named.models else ["oracle"]  # it is the other model, or asked
    both = (["model"], ["second"]) if named.models else ([], [])
    shown = ["method", *both[0], "seed", "flipped", *first, *judged, *both[1], *rest]
    heads = [_heading(name, metrics) for name in shown]
    foot = [[_spread_cell(of, name, named, metrics) for name in shown] for of in spreads]
    return render(
        "compare.html", "table", heads, [[cell(row, name) for name in shown] for row in rows], foot
    )


@dataclass(frozen=True)
class _Names:
    titles: Mapping[str, str]
    methods: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, str]

    def of(self, row: Mapping[str, Any]) -> str:
        """The method, and the settings that were given."""
        name, settings = row["method"], row.get("settings")
        title = _(self.titles.get(name, name))
        if not settings or name not in self.methods:
            return title
        return f"{title}, {settings_text(settings, self.methods[name]['schema'])}"

    def model(self, row: Mapping[str, Any]) -> str:
        return self.models.get(row["model"], str(row["model"]))


def _spread_cell(
    of: Mapping[str, Any], name: str, named: _Names,
    metrics: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """A method's mean and standard deviation of a number, or how many of its answers agree."""
    count = of["answers"]
    if name == "method":
        return _cell(_("{method}, mean ± SD", method=named.of(of)), None, "head")
    if name == "model":
        return _cell(named.model(of), None)
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
        "number": name not in ("method", "model", "flipped", "oracle", "second"),
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


def _fact(row: Mapping[str, Any], name: str, named: _Names) -> dict[str, Any]:
    if name == "method":
        label = named.of(row)
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
    if name == "model":
        return _cell(named.model(row), named.model(row))
    if name == "second":
        return _second(row)
    if name == "oracle":
        if row["oracle_label"] is None:
            return _cell("–", None)
        agrees = row["oracle_agrees"]
        text = f"{row['oracle_label']} {_('✓ agrees') if agrees else _('✗ disagrees')}"
        return _cell(text, int(bool(agrees)))
    return _cell(str(row[name]), row[name], "number")


def _second(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the model that was not asked says of an answer."""
    label, agrees = row.get("second_label"), row.get("second_agrees")
    if label is None:
        return _cell("–", None)
    if agrees is None:
        return _cell(str(label), None)
    return _cell(f"{label} {_('✓ agrees') if agrees else _('✗ disagrees')}", int(agrees))


def _number(row: Mapping[str, Any], name: str, form: str, best: float | None) -> dict[str, Any]:
    value = row[name]
    if value is None:
        return _cell("–", None, "number")
    marked = value == best and _convinces(row)
    return _cell(form.format(value), value, "number", best=marked)


def _cell(text: str, value: Any, kind: str = "text", *, best: bool = False) -> dict[str, Any]:
    """A cell for the template: ``value`` is what it is sorted by."""
    return {"text": text, "value": "" if value is None else value, "kind": kind, "best": best}
