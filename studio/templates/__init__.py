"""Markup from Jinja2 templates, the .html files of this folder.

Autoescape is always on: a value is text unless it came from a template itself. A file holds a
family of macros, each of which writes one piece of markup, in the language at hand: its own texts
stand in ``_("…")``, and sentences that it is given are translated as they are written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from studio import translation
from studio.translation import Sentence

__all__ = ["Markup", "render"]


def _said(value: Any) -> Any:
    """What a template writes for a value: a sentence is said in the language at hand."""
    return translation._(value) if isinstance(value, Sentence) else value


def _in_template(text: str, /, **values: Any) -> Markup:
    """A text of the template itself, which may hold markup, in the language at hand; values are
    escaped."""
    found = Markup(translation._(text))  # nosec B704: words of our catalogues; values are escaped
    return found.format(**{n: _said(v) for n, v in values.items()}) if values else found


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True, finalize=_said,
)  # fmt: skip
environment.globals |= {"_": _in_template, "pgettext": translation.pgettext}


def render(file: str, macro: str, *values: Any, **named: Any) -> Markup:
    """What a macro makes of its arguments.

    :param file: a template of this folder, such as ``compare.html``.
    """
    piece = getattr(environment.get_template(file).module, macro)(*values, **named)
    return Markup(str(piece).strip())  # nosec B704 # Jinja has escaped every value
