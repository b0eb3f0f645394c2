"""The scripts and styles of the page: the files of the folder ``static``."""

from __future__ import annotations

import json
from pathlib import Path

from studio.translation import language, script_texts

__all__ = ["script_of_texts", "static_text"]

FOLDER = Path(__file__).parents[1] / "static"


def static_text(*names: str) -> str:
    """The content of those files, one after another."""
    return "".join((FOLDER / name).read_text() for name in names)


def script_of_texts() -> str:
    """The page script by which the others say their texts in the language at hand."""
    texts = json.dumps(script_texts(language())).replace("<", "\\u003c")
    return f"<script>(() => {{\nconst texts = {texts};\n{static_text('texts.js')}}})();</script>"
