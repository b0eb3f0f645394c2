"""Models that Python gave a name, for this process alone; imports no tensor library."""

from __future__ import annotations

from collections.abc import Callable

from backends.bundles import Bundle
from backends.core import TargetModel

__all__ = ["MadeFor", "add", "find", "names"]

MadeFor = Callable[[Bundle], TargetModel]
_added: dict[str, MadeFor] = {}


def add(name: str, made_for: MadeFor) -> None:
    """Let a name stand for a model, for every bundle that has no model of that name.

    :param made_for: a bundle -> the model, which may suit the size of the bundle's pictures.
    """
    _added[name] = made_for


def find(name: str) -> MadeFor | None:
    """What was added under a name."""
    return _added.get(name)


def names() -> list[str]:
    """What :func:`add` gave."""
    return list(_added)
