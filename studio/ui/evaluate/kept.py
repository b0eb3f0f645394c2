"""A person's evaluations, as they are listed, opened again and deleted."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from backends.errors import BadInput, NotFound
from studio.access.rights import name_of
from studio.export.labels import model_title
from studio.runs.evaluations import (
    FILES,
    KeptEvaluation,
    delete_evaluation,
    kept_evaluations,
)
from studio.translation import _, ngettext
from studio.ui.shared.controllers import Controllers

__all__ = ["KEEP", "KeptList"]

KEEP = "keep"  # what the browser sends where a person does not want to delete after all
OWN = "own"  # of the person at the machine


class KeptList:
    """The list, laid out inside the current Blocks.

    :param home: the folder of everybody's evaluations.
    :ivar chosen: the name of the folder of the one that is shown.
    """

    def __init__(self, controllers: Controllers, home: Path) -> None:
        self._controllers, self._home = controllers, home
        with gr.Row(visible=False) as self._row:
            self.chosen = gr.Dropdown(
                [], label=_("Your evaluations"), elem_id="evaluate-earlier", filterable=False,
                interactive=True, scale=4, min_width=240,
                info=_("Choose one to see it, and what was asked; it stays when the studio ends"),
            )  # fmt: skip
            self.delete = gr.Button(
                _("Delete it"), size="sm", elem_id="evaluate-delete", scale=1, min_width=110,
            )  # fmt: skip

    @property
    def places(self) -> list[Any]:
        """What :meth:`listed` fills."""
        return [self._row, self.chosen]

    def place(self, request: gr.Request) -> Path:
        """Where the evaluations of a request's person lie."""
        login = name_of(request) if self._controllers.access.mode == "team" else ""
        return self._home / (hashlib.sha256(login.encode()).hexdigest()[:32] if login else OWN)

    def find(self, name: str | None, request: gr.Request) -> KeptEvaluation:
        """A person's evaluation by its folder's name.

        :raises NotFound: it is no longer there, or is not theirs.
        """
        found = (one for one in kept_evaluations(self.place(request)) if one.folder.name == name)
        one = next(found, None)
        if one is None:
            raise NotFound("that evaluation is no longer kept; start it again")
        return one

    def listed(self, request: gr.Request, chosen: str | None = None) -> dict[Any, Any]:
        """Updates of the list."""
        found = kept_evaluations(self.place(request))
        choices = [(self._named(one), one.folder.name) for one in found]
        return {
            self._row: gr.update(visible=bool(choices)),
            self.chosen: gr.update(choices=choices, value=chosen),
        }

    def files(self, folder: Path) -> list[str]:
        """The files of a finished evaluation, where the page may offer them."""
        shown = self._controllers.first.results / folder.name
        shown.mkdir(exist_ok=True)
        return [str(shutil.copy(folder / name, shown / name)) for name in FILES]

    def remove(self, name: str | None, going: Path | None, request: gr.Request) -> None:
        """Delete an evaluation.

        :param going: the folder of the one that is under way, which cannot be.
        :raises BadInput: nothing is chosen, or it is under way.
        """
        if not name:
            raise BadInput("choose an evaluation from the list first")
        one = self.find(name, request)
        if one.folder == going:
            raise BadInput("this evaluation goes on; stop it first")
        delete_evaluation(one.folder)

    def _named(self, one: KeptEvaluation) -> str:
        """When, and what it asked."""
        asked: Mapping[str, Any] = one.asked
        about = self._controllers[asked["bundle"]].about if self._knows(asked) else None
        methods = [
            _(about["methods"][name]["title"]) if about and name in about["methods"] else name
            for name in asked["methods"]
        ]  # fmt: skip
        words = [time.strftime("%d %b, %H:%M", time.localtime(one.at))]
        words += [] if one.finished else [_("not finished")]
        words.append(_(about["title"]) if about else str(asked["bundle"]))
        if about and asked["model"] != "classifier":
            words.append(model_title(asked["model"], about))
        count = int(asked["count"])
        words.append(ngettext("{count} picture", "{count} pictures", count, count=count))
        return " · ".join([*words, ", ".join(methods)])

    def _knows(self, asked: Mapping[str, Any]) -> bool:
        return asked["bundle"] in self._controllers.names
