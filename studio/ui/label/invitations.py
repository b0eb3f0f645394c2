"""Panel beside the labelling widget: links and codes that let others into a project."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from backends.errors import BadInput, StudioError
from studio.labels.store import invitations, projects
from studio.labels.store.invitations import Invitation
from studio.templates import Markup, render
from studio.translation import _
from studio.ui.shared import markup
from studio.ui.shared.label_controller import Assignment, Codes, LabelController
from studio.ui.shared.quiet import QUIET

__all__ = ["InvitationPanel"]

# The page's own address, and nothing of what it was opened with.
ADDRESS = "(...a) => { a[3] = window.location.origin + window.location.pathname; return a; }"


class InvitationPanel:
    """Invite by a link or by a name, laid out inside the current Blocks. What is wrong is said in
    the panel: a message over the page would cover a code that is shown only once."""

    def __init__(
        self, labels: LabelController, project: gr.Dropdown, codes: gr.BrowserState
    ) -> None:
        self.labels = labels
        self._guests = gr.State([])  # names and codes that were given since the page was opened
        self._address = gr.Textbox(visible=False)
        with gr.Accordion(_("Invite"), open=False, visible=False, elem_id="invite") as self._panel:
            self._days = gr.Number(
                invitations.DAYS, label=_("The link works for days"), minimum=1, maximum=365,
                precision=0, interactive=True, elem_id="invitation-days",
            )  # fmt: skip
            self._make = gr.Button(_("Make a link"), variant="primary", elem_id="invitation-make")
            self._link = gr.HTML(elem_id="invitation-link")
            self._links = gr.HTML(elem_id="invitations")
            with gr.Row(visible=False) as self._revocation:
                self._which = gr.Dropdown(
                    [], label=_("Revoke a link"), interactive=True, elem_id="invitation-which"
                )
                self._revoke = gr.Button(
                    _("Revoke"), scale=0, min_width=90, elem_id="invitation-revoke"
                )
            self._guest = gr.Textbox(
                label=_("Or add somebody by name"), max_lines=1, elem_id="project-guest",
                info=_("You give them the access code"), interactive=True,
            )  # fmt: skip
            self._add = gr.Button(_("Add"), elem_id="project-invite")
            self._problem = gr.HTML(elem_id="invite-problem")
            self._codes = gr.HTML(elem_id="guest-codes")
        shown = [self._link, self._problem, self._links, self._which, self._revocation]
        self._make.click(
            self._made, [project, codes, self._days, self._address], shown, js=ADDRESS, **QUIET
        )
        self._revoke.click(self._revoked, [project, codes, self._which], shown, **QUIET)
        for event in (self._add.click, self._guest.submit):
            event(
                self._added, [project, codes, self._guest, self._guests],
                [self._guests, self._guest, self._codes, self._problem], **QUIET,
            )  # fmt: skip

    def assigned(self, assignment: Assignment | None) -> dict[Any, Any]:
        """Updates for who works in which project."""
        mine = assignment if assignment and assignment.person.administers else None
        return {
            self._panel: gr.update(visible=mine is not None),
            self._link: "", self._problem: "", self._codes: "", self._guests: [],
            **self._listed(mine),
        }  # fmt: skip

    def _made(
        self, name: str | None, held: Codes | None, days: float | None, address: str
    ) -> dict[Any, Any]:
        try:
            assignment = self.labels.require_administrator(name, held)
            days = days or 0
            token = invitations.make(self.labels.database(), assignment.project, days)
        except StudioError as error:
            return {self._problem: markup.failure(error)}
        query = urlencode({"project": assignment.project.name, "invitation": token})
        link = render("labelling.html", "link", f"{address}?{query}", f"{days:.0f}")
        return {self._link: link, self._problem: "", **self._listed(assignment)}

    def _revoked(self, name: str | None, held: Codes | None, number: int | None) -> dict[Any, Any]:
        try:
            assignment = self.labels.require_administrator(name, held)
            if number is None:
                raise BadInput("choose which link to revoke")
            invitations.revoke(self.labels.database(), assignment.project, number)
        except StudioError as error:
            return {self._problem: markup.failure(error)}
        return {self._link: "", self._problem: "", **self._listed(assignment)}

    def _added(
        self, name: str | None, held: Codes | None, guest: str, known: Sequence[tuple[str, str]]
    ) -> dict[Any, Any]:
        try:
            assignment = self.labels.require_administrator(name, held)
            access = projects.invite(self.labels.database(), assignment.project, guest or "")
        except StudioError as error:
            return {self._problem: markup.failure(error)}
        codes = [(access.annotator.name, access.code), *known]
        shown = render("labelling.html", "guests", codes)
        return {self._guests: codes, self._guest: "", self._codes: shown, self._problem: ""}

    def _listed(self, assignment: Assignment | None) -> dict[Any, Any]:
        found = invitations.listed(self.labels.database(), assignment.project) if assignment else []
        standing = [link for link in found if link.works]
        return {
            self._links: _links(found[:10]),
            self._which: gr.update(
                choices=[
                    (_("made {created}", created=_when(link.created)), link.id) for link in standing
                ],
                value=standing[0].id if standing else None,
            ),
            self._revocation: gr.update(visible=bool(standing)),
        }


def _links(found: Sequence[Invitation]) -> Markup:
    rows = [
        {
            "made": _("made {created}", created=_when(link.created)), "until": _when(link.expires),
            "works": link.works, "joined": link.joined,
        }
        for link in found
    ]  # fmt: skip
    return render("labelling.html", "links", rows) if rows else Markup()


def _when(seconds: float) -> str:
    return time.strftime("%d %B, %H:%M", time.localtime(seconds))
