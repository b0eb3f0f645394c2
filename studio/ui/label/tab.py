"""The Label tab: people answer a project's question about its pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import gradio as gr

from backends.errors import NotFound, StudioError
from studio.access.rights import name_of
from studio.access.tries import Tries
from studio.engines.owners import group_at
from studio.labels.api import answer_by
from studio.labels.store import invitations
from studio.templates import render
from studio.translation import ENGLISH, N_, _
from studio.ui.label.admin import AdminPanel
from studio.ui.label.annotator import AnnotatorPanel
from studio.ui.label.exchange import ExchangePanel
from studio.ui.label.guidelines import GuidelinesPanel
from studio.ui.label.invitations import InvitationPanel
from studio.ui.label.projects import ProjectPanels
from studio.ui.label.retrain import TrainingPanel
from studio.ui.label.widget import label_widget, session
from studio.ui.shared import markup
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.label_controller import Assignment, Codes, LabelController, held_codes
from studio.ui.shared.on_demand import on_mount
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import owner_of, show_errors

__all__ = ["LabelTab"]

NOBODY = N_("Choose a project and join it with a name, or make a project of your own.")


class LabelTab:
    """The tab, laid out inside the current Blocks and wired.

    :param codes: this browser's access codes, by project.
    :param tabs: of the page, with this ``tab``.
    :ivar mounted: its ``shown`` event says that the tab is looked at for the first time.
    :ivar places: what :meth:`load` fills for a bundle and the codes that the browser keeps.
    :ivar training: makes models that the other tabs offer.
    """

    def __init__(
        self, controllers: Controllers, bundle: gr.Dropdown, labels: LabelController,
        codes: gr.BrowserState, tabs: gr.Tabs, tab: gr.Tab,
    ) -> None:  # fmt: skip
        self._tries = Tries()
        self.controllers, self.labels, self._codes, self._tabs = controllers, labels, codes, tabs
        self.mounted = on_mount("labels-mounted")
        self._invitation = gr.State("")  # the token with which the page was opened
        with gr.Row():
            with gr.Column(scale=9, min_width=340):
                self._lay_out_work()
            with gr.Column(scale=4, min_width=320, elem_id="label-panels"):
                project = self._project
                self._panels = ProjectPanels(
                    controllers, bundle, labels, project, self._name, codes
                )
                self._invitations = InvitationPanel(labels, project, codes)
                self._guidelines = GuidelinesPanel(controllers, labels, project, codes)
                self.training = TrainingPanel(labels, project, codes)
                self._annotator = AnnotatorPanel(controllers.first, labels, project, codes)
                self._admin = AdminPanel(labels, project, codes)
                self._files = ExchangePanel(controllers, labels, project, codes, self._name)
        self._assigned_places = list(self._assigned(None, None))
        opened = self._panels.opened(controllers.first, [])
        self.places = list(
            dict.fromkeys([project, self._invitation, tabs, *self._assigned_places, *opened])
        )
        self._wire(bundle, tab)

    def load(self, which: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
        """As :meth:`opened`, on a page that was opened just now; what its address invites to goes
        before."""
        try:
            self.labels.note(owner_of(request), held)
            return self.opened(which, held, name_of(request)) | self._invited(which, held, request)
        except StudioError as error:
            return self._nobody(error)

    def opened(self, which: str, held: Codes | None, login: str = "") -> dict[Any, Any]:
        """The bundle's projects; the newest that this browser's person has joined is open."""
        try:
            names = self.labels.names(self.controllers[which].bundle, held, login)
            mine = [name for name in names if self.labels.assignment(name, held)]
            chosen = next(iter([*mine, *names]), None)
            return self._panels.opened(self.controllers[which], names) | {
                self._project: gr.update(choices=names, value=chosen),
                **self._assigned(self.labels.assignment(chosen, held), chosen),
            }
        except StudioError as error:  # the other tabs do without labels
            return self._nobody(error)

    def _nobody(self, error: StudioError) -> dict[Any, Any]:
        return self._assigned(None, None) | {self._who: markup.failure(error)}

    def leave(self, owner: str) -> None:
        """Forget a closed page."""
        self.labels.leave(owner)

    def _invited(self, which: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
        """What a page shows that was opened by an invitation; nothing for others."""
        token = dict(request.query_params or {}).get("invitation", "")
        if not token:
            return {}
        tab = {self._tabs: gr.update(selected="label")}
        try:
            project = invitations.opened(self.labels.database(), token)
        except StudioError as error:
            return tab | {self._who: markup.failure(error)}
        bundle = self.controllers[which].bundle
        name, names = project.name, self.labels.names(bundle, held, name_of(request))
        shown = tab | {
            self._project: gr.update(choices=list(dict.fromkeys([name, *names])), value=name)
        }
        assignment = self.labels.assignment(name, held)
        if assignment is not None:  # the same link, opened again
            return shown | self._assigned(assignment, name)
        text = render("labelling.html", "invited", name, project.setup.question)
        return shown | self._assigned(None, name) | {self._invitation: token, self._who: text}

    def _lay_out_work(self) -> None:
        with gr.Row(elem_id="label-bar"):
            self._project = gr.Dropdown(
                [], label=_("Project"), elem_id="label-project", min_width=200
            )
            self._name = gr.Textbox(
                label=_("Your name"), max_lines=1, elem_id="label-name", min_width=200,
                placeholder=_("Your answers are stored under it"),
            )  # fmt: skip
            self._join = gr.Button(
                _("Join the project"),
                variant="primary",
                elem_id="label-join",
                scale=0,
                min_width=150,
            )
            self._who = gr.HTML(markup.hint(NOBODY), elem_id="label-who", min_width=240)
            self._leave = gr.Button(
                _("I am somebody else"), size="sm", visible=False, elem_id="label-leave", scale=0,
                min_width=150,
            )  # fmt: skip
        with gr.Accordion(_("I have an access code"), open=False) as self._coded:
            self._code = gr.Textbox(
                label=_("Access code"), type="password", elem_id="label-code", max_lines=1,
                info=_("From another browser of yours, or from the project's administrator"),
            )  # fmt: skip
            self._enter = gr.Button(_("Enter"), elem_id="label-enter")
        self._widget = label_widget("label-widget")

    def _wire(self, bundle: gr.Dropdown, tab: gr.Tab) -> None:
        private = {"show_progress_on": self._who, "api_visibility": "private"}
        project, codes, places = self._project, self._codes, self._assigned_places
        project.input(self._choose, [project, codes], places, **private)
        for event in (self._join.click, self._name.submit):
            event(
                self._join_in, [project, self._name, self._invitation, codes],
                [codes, self._invitation, project, *places], **private,
            )  # fmt: skip
        for event in (self._enter.click, self._code.submit):
            event(
                self._enter_by, [self._code, codes], [codes, self._code, project, *places],
                **private,
            )  # fmt: skip
        self._leave.click(self._left, [project, codes], [codes, *places], **private)
        self._panels.wire(self._made, [project, codes, *places])
        self._files.wire(bundle, self._made, [project, codes, *places])
        tab.select(self._known, [bundle, project, codes], project, **QUIET)
        codes.change(self._held, codes, None, queue=False, **QUIET)
        gr.api(self._api(), api_name="label")

    def _assigned(
        self, assignment: Assignment | None, chosen: str | None, joined: bool = False
    ) -> dict[Any, Any]:
        """Everything that depends on who works in which project.

        :param joined: whether the person came just now, and must see the access code.
        """
        given = session(assignment.project, assignment.code) if assignment else ""
        join = markup.hint(_("Join “{chosen}” with a name.", chosen=chosen))
        shown: dict[Any, Any] = {
            self._widget: gr.update(session=given),
            self._who: _who(assignment, joined) if assignment or not chosen else join,
            self._leave: gr.update(visible=assignment is not None),
        }  # fmt: skip
        for place in (self._name, self._join, self._coded):
            shown[place] = gr.update(visible=assignment is None)
        panels = (
            self._panels, self._invitations, self._guidelines, self.training, self._annotator,
            self._admin, self._files,
        )  # fmt: skip
        for panel in panels:
            shown |= panel.assigned(assignment)
        return shown

    # ------------------------------------------------------------------ what a person does

    def _choose(self, chosen: str | None, held: Codes | None) -> dict[Any, Any]:
        with show_errors():
            return self._assigned(self.labels.assignment(chosen, held), chosen)

    async def _join_in(
        self, chosen: str | None, person: str, token: str, held: Codes | None, request: gr.Request
    ) -> dict[Any, Any]:
        def work() -> tuple[str, str]:
            # Who chose another project than the one invited to joins that one.
            if token and invitations.opened(self.labels.database(), token).name == chosen:
                project, access = self.labels.accept(token, person)
                return project.name, access.code
            return str(chosen), self.labels.join(chosen, person, name_of(request)).code

        with show_errors():
            held = held_codes(held)  # before somebody is made whose code would be lost
            name, code = await asyncio.to_thread(work)
            held |= {name: code}
            assignment = await asyncio.to_thread(self.labels.assignment, name, held)
            shown = await asyncio.to_thread(self._assigned, assignment, name, True)
            return {self._codes: held, self._invitation: ""} | shown

    async def _enter_by(self, text: str, held: Codes | None, request: gr.Request) -> dict[Any, Any]:
        with show_errors():
            held, who = held_codes(held), group_at(owner_of(request))
            self._tries.require(who, N_("access codes"))
            try:
                assignment = await asyncio.to_thread(self.labels.known, text or "")
            except NotFound:
                self._tries.wrong(who)
                raise
            name = assignment.project.name
            held |= {name: assignment.code}
            bundle = assignment.project.setup.bundle
            names = await asyncio.to_thread(self.labels.names, bundle, held)
            return {
                self._project: gr.update(choices=names, value=name), self._codes: held,
                self._code: "", **self._assigned(assignment, name),
            }  # fmt: skip

    def _left(self, chosen: str | None, held: Codes | None) -> dict[Any, Any]:
        with show_errors():
            assignment = self.labels.assignment(chosen, held)
            rest = {key: value for key, value in held_codes(held).items() if key != chosen}
        shown = {self._codes: rest} | self._assigned(None, chosen)
        if assignment:
            shown[self._who] = render(
                "labelling.html", "left", assignment.person.name, assignment.code
            )
        return shown

    def _made(self, chosen: str, held: Codes) -> dict[Any, Any]:
        """Updates after a project was made or changed."""
        assignment = self.labels.assignment(chosen, held)
        names = self.labels.names(assignment.project.setup.bundle, held) if assignment else []
        return {
            self._project: gr.update(choices=names, value=chosen), self._codes: held,
            **self._assigned(assignment, chosen),
        }  # fmt: skip

    def _known(
        self, which: str, chosen: str | None, held: Codes | None, request: gr.Request
    ) -> Any:
        """Projects that others made meanwhile; the one that is open stays."""
        with show_errors():
            bundle = self.controllers[which].bundle
            names = self.labels.names(bundle, held, name_of(request))
            more = [chosen] if chosen and chosen not in names else []
            return gr.update(choices=[*names, *more])

    def _held(self, held: Codes | None, request: gr.Request) -> None:
        with show_errors():
            self.labels.note(owner_of(request), held)

    def _api(self) -> Callable[..., dict[str, Any]]:
        """The function behind the API's ``label``; gradio reads its signature."""

        def label(
            code: str, item: int, value: str | None, request: str, state: str = "submitted",
            note: str = "",
        ) -> dict[str, Any]:  # fmt: skip
            with show_errors(ENGLISH):
                fields = {
                    "item": item, "value": value, "request": request, "state": state, "note": note,
                }  # fmt: skip
                return asdict(answer_by(self.labels.database(), code, fields))

        return label


def _who(assignment: Assignment | None, joined: bool = False) -> str:
    if assignment is None:
        return markup.hint(NOBODY)
    person = assignment.person
    return render(
        "labelling.html", "person", person.name, person.administers, assignment.code, joined
    )
