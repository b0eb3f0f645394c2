"""What a project's administrator sees: who did how much, how far people agree, what to decide."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from studio.labels.stats import agreement
from studio.labels.stats.agreement import Agreement, Disputed, Figure
from studio.labels.store import pictures, responses
from studio.labels.store.responses import Answer
from studio.ui.shared import canvas
from studio.ui.shared import markup as views
from studio.ui.shared.label_controller import Codes, LabelDesk, Seat
from studio.ui.shared.requests import sentences

__all__ = ["AdminPanel"]

NOTHING = "No picture is waiting for a decision."


class AdminPanel:
    """Agreement and adjudication, laid out inside the current Blocks."""

    def __init__(self, labels: LabelDesk, project: gr.Dropdown, codes: gr.BrowserState) -> None:
        self.labels = labels
        with gr.Accordion(
            "Progress, agreement, adjudication", open=False, visible=False, elem_id="admin"
        ) as self._room:
            look = gr.Button("Count now", elem_id="admin-look")
            self._table = gr.HTML(elem_id="agreement")
            with gr.Row():
                self._who = gr.Dropdown(
                    [], label="Confusion: who", interactive=True, elem_id="confusion-who"
                )
                self._whom = gr.Dropdown(
                    [], label="Compared with", interactive=True, elem_id="confusion-whom"
                )
            self._confusion = gr.HTML(elem_id="confusion")
            gr.Markdown("#### To decide")
            self._disputed = gr.HTML(views.hint(NOTHING), elem_id="adjudicate-picture")
            self._verdict = gr.Radio(
                [], label="What it is", visible=False, elem_id="adjudicate-choice",
                interactive=True,
            )  # fmt: skip
            self._note = gr.Textbox(label="Why", visible=False, max_lines=2, interactive=True)
            self._decide = gr.Button("Decide", visible=False, elem_id="adjudicate")
        self._item = gr.State(None)
        places = [
            self._table, self._who, self._whom, self._confusion, self._disputed, self._verdict,
            self._note, self._decide, self._item,
        ]  # fmt: skip
        quiet = {"api_visibility": "private"}
        # A table that opens by itself when the accordion does needs no second click.
        self._room.expand(self._look, [project, codes], places, **quiet)
        look.click(self._look, [project, codes], places, **quiet)
        self._decide.click(
            self._decided, [project, codes, self._item, self._verdict, self._note], places, **quiet
        )
        for which in (self._who, self._whom):
            which.input(
                self._confused, [project, codes, self._who, self._whom], self._confusion, **quiet
            )

    def seated(self, seat: Seat | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        return {
            self._room: gr.update(visible=bool(seat and seat.person.administers), open=False),
            self._table: "", self._confusion: "", self._item: None,
        }  # fmt: skip

    async def _look(self, name: str | None, held: Codes | None) -> dict[Any, Any]:
        with sentences():
            return await asyncio.to_thread(self._counted, name, held)

    def _counted(self, name: str | None, held: Codes | None) -> dict[Any, Any]:
        seat = self.labels.require(name, held, administrator=True)
        found = agreement.report(self.labels.database(), seat.project)
        people = [person.name for person in found.people]
        first, second = [*people, None, None][:2]
        return {
            self._table: _table(found),
            self._who: gr.update(choices=people, value=first),
            self._whom: gr.update(choices=["the others’ consensus", *people], value=second),
            self._confusion: _confusion(found, first, second),
            **self._next(seat, found.to_adjudicate),
        }  # fmt: skip

    def _next(self, seat: Seat, disputed: Sequence[Disputed]) -> dict[Any, Any]:
        item = disputed[0] if disputed else None
        shown = gr.update(visible=item is not None)
        markup = views.hint(NOTHING)
        if item is not None:
            png = pictures.content(self.labels.database(), [item.picture])[item.picture]
            markup = _question(item, canvas.data_url(pictures.image_of(png)), len(disputed))
        return {
            self._disputed: markup, self._item: item.item_id if item else None,
            self._verdict: gr.update(
                choices=seat.project.classes, value=None, visible=item is not None
            ),
            self._note: gr.update(value="", visible=item is not None), self._decide: shown,
        }  # fmt: skip

    async def _decided(
        self, name: str, held: Codes | None, item: int | None, verdict: str | None, note: str
    ) -> dict[Any, Any]:
        def work() -> dict[Any, Any]:
            seat = self.labels.require(name, held, administrator=True)
            if item is not None and verdict:
                said = Answer(item, verdict, secrets.token_hex(12), note=note or "", via="page")
                responses.adjudicate(self.labels.database(), seat.person, said)
            return self._counted(name, held)

        with sentences():
            return await asyncio.to_thread(work)

    async def _confused(
        self, name: str, held: Codes | None, who: str | None, whom: str | None
    ) -> str:
        def work() -> str:
            seat = self.labels.require(name, held, administrator=True)
            return _confusion(agreement.report(self.labels.database(), seat.project), who, whom)

        with sentences():
            return await asyncio.to_thread(work)


def _number(figure: Figure) -> str:
    if figure.value is None:
        return f'<span title="{escape(figure.reason)}">–</span>'
    return f"{figure.value:.3f}"


def _table(found: Agreement) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(p.name)}</th><td class=number>{p.votes}</td>"
        f"<td class=number>{p.unsure}</td><td class=number>{p.skipped}</td>"
        f"<td class=number>{_number(p.mean_kappa)}</td>"
        f"<td class=number>{_number(p.with_consensus)}</td></tr>"
        for p in found.people
    )
    heads = views.heads(("person", "labels", "unsure", "skipped", "mean κ", "says what others say"))
    figures = [
        ("observed agreement", found.observed), ("Fleiss’ κ", found.fleiss_kappa),
        ("Krippendorff’s α", found.krippendorff_alpha),
    ]  # fmt: skip
    said = " · ".join(f"{name} {_number(figure)}" for name, figure in figures)
    why = next((figure.reason for _, figure in figures if figure.value is None), "")
    return (
        f"<p>Label set {found.version}: {found.votes} labels of {found.items} pictures. {said}</p>"
        + (f"<p>{escape(why[:1].upper() + why[1:])}.</p>" if why else "")
        + views.table(heads, rows)
    )


def _confusion(found: Agreement, who: str | None, whom: str | None) -> str:
    """Rows: what the first said; columns: what the second said of the same pictures."""
    if not who or not whom or who == whom:
        return ""
    named = {person.name: person for person in found.people}
    pair = next((pair for pair in found.pairs if set(pair.people) == {who, whom}), None)
    if pair is not None:
        counts = pair.confusion
        if pair.people[0] != who:
            counts = [list(column) for column in zip(*counts, strict=True)]
        kappa = f"Cohen’s κ {_number(pair.kappa)}"
    elif who in named:
        counts = [list(column) for column in zip(*named[who].confusion, strict=True)]
        kappa = f"Cohen’s κ {_number(named[who].consensus_kappa)}"
    else:
        return ""
    most = max(1, *(value for row in counts for value in row))
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(
            f'<td class="number" style="--share: {value / most:.2f}">{value or ""}</td>'
            for value in row
        )
        + "</tr>"
        for name, row in zip(found.classes, counts, strict=True)
    )
    return f"<p>Rows: what {escape(who)} said; columns: {escape(whom)}. {kappa}</p>" + views.table(
        f"<td></td>{views.heads(found.classes)}", rows, "confusion"
    )


def _question(item: Disputed, picture: str, waiting: int) -> str:
    said = [f"{count} said {escape(name)}" for name, count in item.votes.items()]
    said += [f"{item.unsure} unsure"] * bool(item.unsure)
    said += [f"{item.skipped} skipped"] * bool(item.skipped)
    return (
        f'<div class="question"><img src="{picture}" alt="{escape(item.name)}">'
        f"<p>{', '.join(said)}.<br>{waiting} to decide, the most disputed first.</p></div>"
    )
