"""Where the browser's requests come in and our errors go out."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import check_all_files_in_cache

from backends.errors import BadInput, StudioError
from backends.files import unwritten
from studio.access.rights import name_of
from studio.engines.owners import owner_at
from studio.translation import Sentence, _, language, speaking

__all__ = ["error_text", "owner_of", "running", "sentence", "show_errors", "uploaded"]

log = logging.getLogger(__name__)


def owner_of(request: gr.Request) -> str:
    """Whose runs these are: one open page is one owner, and says whose login, or where it is."""
    client = getattr(request, "client", None)  # none where no request of a browser is behind it
    login = name_of(request) if client else ""
    return owner_at(str(request.session_hash), login or (client.host if client else ""))


def uploaded(file: Any) -> str:
    """The path of a file that the browser has uploaded, and of nothing else on this machine.

    :param file: what the browser says of it, which may be anything.
    :raises BadInput: the path lies outside the upload folder, or nothing lies there.
    """
    path = file.get("path") if isinstance(file, dict) else None
    try:
        if not isinstance(path, str) or not path:
            raise ValueError(file)
        check_all_files_in_cache({"path": path, "meta": {"_type": "gradio.FileData"}})
        if not Path(path).is_file():
            raise ValueError(file)
    except (ValueError, OSError, gr.exceptions.InvalidPathError) as error:
        raise BadInput("the file did not arrive; upload it again") from error
    return path


def sentence(error: StudioError | str) -> str:
    """An error's message as the page writes it: a first word is capitalised, a file's name not."""
    text = _(str(error))
    return text[:1].upper() + text[1:] if re.match(r"\w+[\s,;:]", text) else text


def error_text(error: Exception, what: str) -> str:
    """What the page says of an error, a sentence that can be translated; one that no person can
    mend is logged too.

    :param what: was not shown because of it, such as ``the answer``.
    """
    if isinstance(error, StudioError):
        return str(error)
    if isinstance(error, OSError):
        return unwritten(what, error)
    log.error("%s could not be shown", what, exc_info=error)
    return Sentence("{what} could not be shown ({error}); run it again", what=what, error=error)


def running(go: gr.Button, stop: gr.Button, going: bool) -> dict[Any, Any]:
    """One of the two buttons: Stop while something runs, else the one that starts it."""
    return {go: gr.update(visible=not going), stop: gr.update(visible=going)}


class show_errors:  # noqa: N801 - reads as a statement
    """Turn an error that a person can mend into the page's own message.

    :param name: of its language, else that of the visitor; programs read English.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, StudioError):
            with speaking(self._name or language()):
                text = sentence(error)
            raise gr.Error(text, duration=12, print_exception=False) from error
