"""What a person who waits is told of the others: how many are served in turns, and how long it may
take."""

from __future__ import annotations

from studio.runs.place import QueuePlace
from studio.translation import _

__all__ = ["turns_note", "waiting_note"]


def turns_note(place: QueuePlace) -> str:
    """That others are served, too; empty where there are none."""
    return _("{people} people are served in turns", people=place.people) if place.people > 1 else ""


def waiting_note(place: QueuePlace) -> str:
    """The same of a run without a first step, and when it may end."""
    told = [turns_note(place)] if place.people > 1 else []
    if place.seconds is not None and (told or place.ahead):
        told.append(_("done in about {seconds:.0f} s", seconds=max(place.seconds, 1)))
    return " · ".join(told)
