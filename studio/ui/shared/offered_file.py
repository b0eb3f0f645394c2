"""A file to download beside what is shown: where it cannot be written, that alone is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from backends.files import require_room, unwritten
from studio.translation import _
from studio.ui.shared import markup

__all__ = ["offered_file"]


def offered_file(make: Callable[[], str], what: str) -> tuple[Any, Markup]:
    """The update of a download button, and a sentence where the file cannot be written; empty
    where it can.

    :param make: writes the file, and returns its path.
    :param what: it is, for the sentence.
    """
    try:
        path = Path(make())
        require_room(path.parent, path.stat().st_size)  # the page makes a copy of its own
    except OSError as error:
        why = _("{what}; the answer is shown all the same", what=unwritten(what, error))
        return gr.update(value=None, visible=False), markup.failure(why)
    return gr.update(value=str(path), visible=True), Markup()
