"""The picture to be labelled and the answers to it: gr.HTML with a script of our own.

Gradio's events take a turn in its queue; this script talks to :mod:`studio.labels.api`, holds the
next pictures already and keeps what the studio has not yet confirmed.
"""

from __future__ import annotations

import json

import gradio as gr

from studio.labels.api import AHEAD
from studio.labels.store.records import Project
from studio.ui.shared.shortcuts import keys_of
from studio.ui.shared.static import static_text

__all__ = ["label_widget", "session"]

WIDGET = """
<div class="labelling closed">
  <p class="question"></p>
  <div class="stage"><img id="label-image" alt="">
    <p class="empty">Looking for pictures …</p></div>
  <p class="hint"></p>
  <div id="label-choices" role="group" aria-label="Answers"></div>
  <div class="others">
    <button type="button" data-act="skip" title="Leave it to others (S)">Skip</button>
    <button type="button" data-act="unsure" title="You looked and cannot say (U)">Unsure</button>
    <button type="button" id="label-undo" title="Take your last answer back (Z)">Undo</button>
    <button type="button" data-act="note" title="Write a note (N)">Note</button>
    <input class="note" type="text" maxlength="2000" aria-label="Note on this picture" placeholder="A note on this picture, stored with your answer">
  </div>
  <div id="label-progress"><progress aria-label="Pictures done" value="0" max="1"></progress> <span></span></div>
  <p class="saved" role="status"></p>
</div>
"""  # noqa: E501 - markup


def label_widget(elem_id: str) -> gr.HTML:
    """The widget; set its ``session`` prop with :func:`session`."""
    script = static_text("label.js")
    return gr.HTML(elem_id=elem_id, html_template=WIDGET, js_on_load=script, session="")


def session(project: Project | None, code: str = "") -> str:
    """Whose answers to which question the widget takes; none empties it."""
    if project is None:
        return ""
    content = {
        "code": code, "project": project.name, "question": project.setup.question,
        "classes": project.classes, "keys": keys_of(project.classes), "ahead": AHEAD,
    }  # fmt: skip
    return json.dumps(content)
