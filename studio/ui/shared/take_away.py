"""A menu of files to take away, each made when it is asked for, and of code to copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from studio.export.document import Snippet
from studio.templates import render
from studio.translation import ENGLISH, N_, _, speaking
from studio.ui.shared import markup
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, owner_of
from studio.ui.shared.static import static_text

__all__ = ["TakeAwayMenu"]

# The browser saves what the server has made; nothing is saved where nothing was made.
SAVE = """(file) => {
  if (!file) return;
  const link = Object.assign(document.createElement("a"), {href: file.url, download: file.orig_name || ""});
  document.body.append(link); link.click(); link.remove();
}"""  # noqa: E501 - script


class TakeAwayMenu:
    """The menu, folded, laid out inside the current Blocks; hidden until there is an answer.

    :param name: begins the ids of its elements.
    :param choices: titles of the files by name.
    :param make: writes a file: of which answer, the file's name, for which owner. It runs in a
        thread of its own.
    :ivar places: the components that :meth:`offer` and :meth:`hide` fill.
    """

    def __init__(
        self, name: str, choices: Mapping[str, str], make: Callable[[str, str, str], Path]
    ) -> None:
        self._titles, self._make = choices, make
        self._which = gr.State("")
        with gr.Accordion(_("Take away"), open=False, visible=False, elem_id=name) as self._panel:
            gr.HTML(render("take_away.html", "introduction"))
            with gr.Row(elem_classes="take-away-files"):
                buttons = {
                    key: gr.Button(_(title), size="sm", elem_id=f"{name}-{key}", min_width=140)
                    for key, title in choices.items()
                }
            self._said = gr.HTML(elem_id=f"{name}-status")
            self._file = gr.File(visible=False, label=_("The file"))
            self._code = gr.HTML(elem_id=f"{name}-code", js_on_load=static_text("take_away.js"))
        self.places = [self._which, self._panel, self._said, self._code]
        for key, button in buttons.items():
            button.click(
                self._take, [gr.State(key), self._which], [self._file, self._said],
                concurrency_limit=4, **QUIET,
            ).success(None, self._file, None, js=SAVE, **QUIET)  # fmt: skip

    def offer(self, which: str, snippets: Sequence[Snippet]) -> dict[Any, Any]:
        """Updates that offer an answer.

        :param which: what the menu calls it when it asks for a file.
        """
        return {
            self._which: which, self._panel: gr.update(visible=True), self._said: "",
            self._code: render("take_away.html", "code", snippets),
        }  # fmt: skip

    def hide(self) -> dict[Any, Any]:
        """Updates where there is no answer."""
        return {
            self._which: "", self._panel: gr.update(visible=False), self._said: "", self._code: "",
        }  # fmt: skip

    async def _take(
        self, key: str, which: str, request: gr.Request
    ) -> AsyncIterator[dict[Any, Any]]:
        title = _(self._titles[key])
        yield {
            self._file: None,
            self._said: markup.notice("going", _("Making: {title} …", title=title)),
        }
        try:
            path = await asyncio.to_thread(self._made, which, key, owner_of(request))
        except Exception as error:  # whatever happened, the page must go on working
            yield {self._said: markup.failure(error_text(error, N_("the file")))}
            return
        yield {
            self._file: str(path),
            self._said: markup.notice("success", _("Saved: {name}.", name=path.name)),
        }

    def _made(self, which: str, key: str, owner: str) -> Path:
        """The file, in English as the command line writes it: it goes to others."""
        with speaking(ENGLISH):
            return self._make(which, key, owner)
