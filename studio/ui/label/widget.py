"""The pictures to be labelled and the answers to them: gr.HTML with scripts of our own.

Gradio's events take a turn in its queue; these scripts talk to :mod:`studio.labels.api`, hold the
next pictures already and keep what the studio has not yet confirmed.
"""

from __future__ import annotations

import json

import gradio as gr

from studio.labels.api import AHEAD
from studio.labels.store.records import Project
from studio.templates import render
from studio.ui.shared.shortcuts import keys_of
from studio.ui.shared.static import static_text

__all__ = ["label_widget", "session"]

PAGE = 40  # pictures in the grid


def label_widget(elem_id: str) -> gr.HTML:
    """The widget; set its ``session`` prop with :func:`session`."""
    markup = str(render("labelling.html", "widget"))
    script = static_text("label.js", "label_grid.js", "label_start.js")  # one scope
    return gr.HTML(elem_id=elem_id, html_template=markup, js_on_load=script, session="")


def session(project: Project | None, code: str = "") -> str:
    """Whose answers to which question the widget takes; none empties it."""
    if project is None:
        return ""
    content = {
        "code": code, "project": project.name, "question": project.setup.question,
        "classes": project.classes, "keys": keys_of(project.classes), "ahead": AHEAD, "page": PAGE,
    }  # fmt: skip
    return json.dumps(content)
