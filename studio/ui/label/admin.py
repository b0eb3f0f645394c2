"""What a project's administrator sees: who did how much, how far people agree, what to decide."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

import gradio as gr

from backends.errors import BadInput
from studio import export
from studio.labels.stats import agreement
from studio.labels.stats.agreement import Agreement, Disputed
from studio.labels.store import pictures, responses
from studio.labels.store.responses import Submission
from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared import markup
from studio.ui.shared.label_controller import Assignment, Codes, LabelController
from studio.ui.shared.requests import sentence, show_errors

__all__ = ["AdminPanel"]

NOTHING = N_("No picture is waiting for a decision.")


class AdminPanel:
    """Agreement and adjudication, laid out inside the current Blocks."""

    def __init__(
        self, labels: LabelController, project: gr.Dropdown, codes: gr.BrowserState
    ) -> None:
        self.labels = labels
        with gr.Accordion(
            _("Progress, agreement, adjudication"), open=False, visible=False, elem_id="admin"
        ) as self._panel:
            look = gr.Button(_("Count now"), elem_id="admin-look")
            self._table = gr.HTML(elem_id="agreement")
            with gr.Row():
                self._who = gr.Dropdown(
                    [], label=_("Confusion: who"), interactive=True, elem_id="confusion-who"
                )
                self._whom = gr.Dropdown(
                    [], label=_("Compared with"), interactive=True, elem_id="confusion-whom"
                )
            self._confusion = gr.HTML(elem_id="confusion")
            gr.Markdown(_("#### To decide"))
            self._disputed = gr.HTML(markup.hint(NOTHING), elem_id="adjudicate-picture")
            self._verdict = gr.Radio(
                [], label=_("What it is"), visible=False, elem_id="adjudicate-choice",
                interactive=True,
            )  # fmt: skip
            self._note = gr.Textbox(label=_("Why"), visible=False, max_lines=2, interactive=True)
            self._decide = gr.Button(_("Decide"), visible=False, elem_id="adjudicate")
        self._item = gr.State(None)
        places = [
            self._table, self._who, self._whom, self._confusion, self._disputed, self._verdict,
            self._note, self._decide, self._item,
        ]  # fmt: skip
        shown = {"show_progress_on": self._table, "api_visibility": "private"}
        # A table that opens by itself when the accordion does needs no second click.
        self._panel.expand(self._look, [project, codes], places, **shown)
        look.click(self._look, [project, codes], places, **shown)
        self._decide.click(
            self._decided, [project, codes, self._item, self._verdict, self._note], places, **shown
        )
        for which in (self._who, self._whom):
            which.input(
                self._confused, [project, codes, self._who, self._whom], self._confusion, **shown
            )

    def assigned(self, assignment: Assignment | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        return {
            self._panel: gr.update(
                visible=bool(assignment and assignment.person.administers), open=False
            ),
            self._table: "",
            self._confusion: "",
            self._item: None,
        }

    async def _look(self, name: str | None, held: Codes | None) -> dict[Any, Any]:
        with show_errors():
            return await asyncio.to_thread(self._counted, name, held)

    def _counted(self, name: str | None, held: Codes | None) -> dict[Any, Any]:
        assignment = self.labels.require_administrator(name, held)
        found = agreement.report(self.labels.database(), assignment.project)
        people = [person.name for person in found.people]
        first, second = [*people, None, None][:2]
        return {
            self._table: _table(found),
            self._who: gr.update(choices=people, value=first),
            self._whom: gr.update(choices=[_("the others’ consensus"), *people], value=second),
            self._confusion: _confusion(found, first, second),
            **self._next(assignment, found.to_adjudicate),
        }  # fmt: skip

    def _next(self, assignment: Assignment, disputed: Sequence[Disputed]) -> dict[Any, Any]:
        item = disputed[0] if disputed else None
        shown = gr.update(visible=item is not None)
        shown_item = markup.hint(NOTHING)
        if item is not None:
            png = pictures.content(self.labels.database(), [item.picture])[item.picture]
            shown_item = _question(item, export.encoded_url(png), len(disputed))
        return {
            self._disputed: shown_item, self._item: item.item_id if item else None,
            self._verdict: gr.update(
                choices=assignment.project.classes, value=None, visible=item is not None
            ),
            self._note: gr.update(value="", visible=item is not None), self._decide: shown,
        }  # fmt: skip

    async def _decided(
        self, name: str, held: Codes | None, item: int | None, verdict: str | None, note: str
    ) -> dict[Any, Any]:
        def work() -> dict[Any, Any]:
            assignment = self.labels.require_administrator(name, held)
            if item is not None and not verdict:
                raise BadInput("choose what the picture is, then decide")
            if item is not None and verdict:
                submission = Submission(
                    item, verdict, secrets.token_hex(12), note=note or "", via="page"
                )
                responses.adjudicate(self.labels.database(), assignment.person, submission)
            return self._counted(name, held)

        with show_errors():
            return await asyncio.to_thread(work)

    async def _confused(
        self, name: str, held: Codes | None, who: str | None, whom: str | None
    ) -> str:
        def work() -> str:
            assignment = self.labels.require_administrator(name, held)
            return _confusion(
                agreement.report(self.labels.database(), assignment.project), who, whom
            )

        with show_errors():
            return await asyncio.to_thread(work)


def _table(found: Agreement) -> Markup:
    figures = [
        (_("observed agreement"), found.observed), (_("Fleiss’ κ"), found.fleiss_kappa),
        (_("Krippendorff’s α"), found.krippendorff_alpha),
    ]  # fmt: skip
    reason = next((figure.reason for _, figure in figures if figure.value is None), "")
    return render("label.html", "agreement", found, figures, sentence(reason))


def _confusion(found: Agreement, who: str | None, whom: str | None) -> Markup:
    """Rows: the first person's classes; columns: the second's of the same pictures."""
    if not isinstance(who, str) or not isinstance(whom, str) or who == whom:
        return Markup()
    named = {person.name: person for person in found.people}
    pair = next((pair for pair in found.pairs if set(pair.people) == {who, whom}), None)
    if pair is not None:
        counts, kappa = pair.confusion, pair.kappa
        if pair.people[0] != who:
            counts = [list(column) for column in zip(*counts, strict=True)]
    elif who in named:
        counts = [list(column) for column in zip(*named[who].confusion, strict=True)]
        kappa = named[who].consensus_kappa
    else:
        return Markup()
    most = max(1, *(value for row in counts for value in row))
    rows = list(zip(found.classes, counts, strict=True))
    return render("label.html", "confusion", who, whom, kappa, found.classes, rows, most)


def _question(item: Disputed, picture: str, waiting: int) -> Markup:
    opinions = [
        _("{count} for {name}", count=count, name=name) for name, count in item.votes.items()
    ]
    opinions += [_("{unsure} unsure", unsure=item.unsure)] * bool(item.unsure)
    opinions += [_("{skipped} skipped", skipped=item.skipped)] * bool(item.skipped)
    return render("label.html", "disputed", picture, ", ".join(opinions), waiting)
