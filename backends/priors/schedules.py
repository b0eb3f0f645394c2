"""The noise schedule that a prior was trained with, as its arguments in bundle.json state it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from backends.errors import MissingPart

__all__ = ["schedule_of"]

S = TypeVar("S")


def schedule_of(prior: object, make: Callable[..., S], **defaults: Any) -> S:
    """A prior's noise schedule, made from ``defaults`` and what the prior states otherwise.

    :param prior: a network; its ``schedule``, where it has one, holds arguments of ``make``.
    :param make: makes the schedule.
    :raises MissingPart: its ``schedule`` is none that ``make`` knows.
    """
    stated = getattr(prior, "schedule", None)
    stated = dict(stated) if isinstance(stated, Mapping) else {}
    try:
        return make(**(defaults | stated))
    except (NotImplementedError, TypeError, ValueError) as error:
        raise MissingPart(
            "the noise schedule {stated} of a part cannot be used ({error}); correct its "
            "arguments in bundle.json",
            stated=stated,
            error=error,
        ) from error
