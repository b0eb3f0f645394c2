"""What the tab shows of an evaluation: how far it is, or how it ended, and its table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from studio.export import tables
from studio.runs.background_tasks import BackgroundTask
from studio.runs.evaluations import EvaluationNews, time_left
from studio.templates import Markup, render
from studio.translation import _
from studio.ui.evaluate.choices import REGIONS
from studio.ui.shared import markup

__all__ = ["shown_table", "state"]

_render = partial(render, "evaluation.html")


def state(task: BackgroundTask, titles: Mapping[str, str]) -> Markup:
    """How far an evaluation is, or how it ended, and its rows so far.

    :param titles: of the methods, by name.
    """
    news: EvaluationNews | None = task.news
    if task.state == "failed":
        return markup.failure(task.reason)
    if news is None and task.state != "stopped":
        return markup.waiting(0)
    return _line(task, news, titles) + (
        shown_table(news.table) if news and news.table else Markup()
    )


def _line(task: BackgroundTask, news: EvaluationNews | None, titles: Mapping[str, str]) -> Markup:
    if news is None or task.state == "stopped":
        return markup.notice(
            "warning", _("Stopped. Press Start to go on from here; what is finished is kept.")
        )
    if task.state == "done":
        return markup.notice("success", _("Done. Its files are below."))
    if news.now is None:
        return markup.progress_bar(0.0, _("going on …"))
    left = "" if news.now.left is None else ", " + _("{left} left", left=time_left(news.now.left))
    text = _(
        "{method}, {region}: {overall:.0%} of all{left}",
        method=_(titles.get(news.now.method, news.now.method)),
        region=_region(news.now.region),
        overall=news.now.overall,
        left=left,
    )
    return markup.progress_bar(news.now.overall, text)


def shown_table(table: dict[str, Any]) -> Markup:
    """The chief numbers of an evaluation, from its table.json."""
    metrics = table["metrics"]

    def written(name: str, number: float) -> str:
        """As on the other tabs; a share as a percentage."""
        if metrics[name]["unit"] == "share" and "%" not in metrics[name]["form"]:
            return f"{number:.0%}"
        return str(metrics[name]["form"].format(number))

    heads, rows = tables.chief(table, written)
    said = [
        [_(title), _region(region), *map(_, cells)] for title, region, *cells in rows
    ]  # fmt: skip
    return _render("measured", [_("Method"), _("Region"), *map(_, heads[2:])], said)


def _region(name: str) -> str:
    """A region as the controls call it."""
    return _({value: label for label, value in REGIONS.items()}.get(name, name))
