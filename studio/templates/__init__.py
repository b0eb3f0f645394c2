"""Markup from Jinja2 templates, the .html files of this folder.

Autoescape is always on: a value is text unless it came from a template itself. A file holds a
family of macros, each of which writes one piece of markup.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

__all__ = ["Markup", "render"]

environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def render(file: str, macro: str, *values: Any, **named: Any) -> Markup:
    """What a macro makes of its arguments.

    :param file: a template of this folder, such as ``compare.html``.
    """
    piece = getattr(environment.get_template(file).module, macro)(*values, **named)
    return Markup(str(piece).strip())  # nosec B704 # Jinja has escaped every value
