"""Check the inputs of handlers without gradio's preprocessing.

They do without it because a control can still hold a choice of the previous bundle. Anybody who
knows their address can send them any value.
"""

from __future__ import annotations

from typing import Any

from backends.errors import BadInput
from studio.translation import N_

__all__ = ["a_text", "some_texts"]

ELSE = N_("the page sent something that none of its controls has; reload it")


def a_text(given: Any) -> str:
    """A choice or a text; empty for none.

    :raises BadInput: it is something else.
    """
    if given is not None and not isinstance(given, str):
        raise BadInput(ELSE)
    return given or ""


def some_texts(given: Any) -> list[str]:
    """Choices of a group.

    :raises BadInput: it is something else.
    """
    if given is not None and not isinstance(given, list):
        raise BadInput(ELSE)
    return [a_text(one) for one in given or []]
