"""The page in the languages of its visitors.

``_`` says a text in the language at hand: of the visitor whose event runs, else the one that
:func:`speaking` sets, else English, which command line and API stay with. Catalogues are gettext's,
in ``studio/locale``.
"""

from backends.sentences import Sentence, joined
from studio.translation.catalogues import ENGLISH, LANGUAGES, script_texts
from studio.translation.negotiation import preferred
from studio.translation.texts import N_, _, follow, language, ngettext, pgettext, speaking

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "N_",
    "Sentence",
    "_",
    "follow",
    "joined",
    "language",
    "ngettext",
    "pgettext",
    "preferred",
    "script_texts",
    "speaking",
]
