"""The catalogues of ``studio/locale``: gettext's files, read as they are."""

from __future__ import annotations

import functools
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

__all__ = ["ENGLISH", "FOLDER", "LANGUAGES", "catalogue", "script_texts", "translations"]

FOLDER = Path(__file__).parents[1] / "locale"
ENGLISH = "en"  # what the texts of the code are written in
LANGUAGES = (ENGLISH, *sorted(file.parts[-3] for file in FOLDER.glob("*/LC_MESSAGES/studio.po")))
SCRIPTS = "studio/ui/static/"


@functools.cache
def catalogue(name: str) -> Catalog:
    """A language's catalogue with all that stands in its file; that of English is empty."""
    if name == ENGLISH:
        return Catalog(ENGLISH)
    with (FOLDER / name / "LC_MESSAGES" / "studio.po").open("rb") as file:
        return read_po(file, locale=name)


@functools.cache
def translations(name: str) -> NullTranslations:
    """What looks texts up in a language."""
    if name == ENGLISH:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, catalogue(name))
    return GNUTranslations(BytesIO(compiled.getvalue()))


@functools.cache
def script_texts(name: str) -> dict[str, str]:
    """The texts of the page's scripts in a language, by the English ones."""
    return {
        str(message.id): str(message.string)
        for message in catalogue(name)
        if any(place.startswith(SCRIPTS) for place, _ in message.locations)
    }
