"""What a zero-shot model is told of each class: prompts as a person edits them.

One prompt a line. A line with ``{class}`` is for every class that has no line of its own; a line
that begins with a class and a colon is for that class, with ``|`` between several prompts::

    a photo of a {class}
    7: a photo of the digit seven | a seven
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from backends.errors import BadInput

__all__ = ["DEFAULT", "defaults", "filled", "read", "show"]

PLACE = "{class}"
DEFAULT = f"a photo of a {PLACE}"  # Radford et al., section 3.1.4
MOST = 200  # prompts in all; each costs a pass through the words' encoder

Prompts = dict[str, list[str]]


def defaults(classes: Sequence[str]) -> Prompts:
    """The default prompt for every class."""
    return {name: [DEFAULT] for name in classes}


def read(text: str, classes: Sequence[str]) -> Prompts:
    """Prompts by class, in the classes' order, ``{class}`` not filled in yet. Classes that no
    line speaks of get the default.

    :raises BadInput: a line is neither for every class nor for one of them, or is empty.
    """
    own: Prompts = {name: [] for name in classes}
    common: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, rest = _owner(line.strip(), classes)
        prompts = [one.strip() for one in rest.split("|")]
        if not all(prompts):
            raise BadInput(
                "line {number} of the prompts has an empty one; write words or drop it",
                number=number,
            )
        if name is not None:
            own[name] += prompts
        elif all(PLACE in one for one in prompts):
            common += prompts
        else:
            raise BadInput(
                "line {number} of the prompts is for no class; begin it with one of "
                "{classes} and a colon, or write {place} where the class belongs",
                number=number,
                classes=", ".join(classes[:20]),
                place=PLACE,
            )
    whole = {name: own[name] or common or [DEFAULT] for name in classes}
    filled(whole, classes)
    return {name: list(dict.fromkeys(ones)) for name, ones in whole.items()}


def show(prompts: Mapping[str, Sequence[str]]) -> str:
    """The text that :func:`read` turns into these prompts."""
    lists = [list(ones) for ones in prompts.values()]
    if lists and all(ones == lists[0] for ones in lists) and all(PLACE in one for one in lists[0]):
        return "\n".join(lists[0])
    return "\n".join(f"{name}: {' | '.join(ones)}" for name, ones in prompts.items())


def filled(prompts: Mapping[str, Sequence[str]], classes: Sequence[str]) -> Prompts:
    """What the words' encoder reads: for every class its prompts with the class filled in; the
    default for a class without any.

    :raises BadInput: a prompt is for a class that is not there, is empty, or holds another
        placeholder than ``{class}``; or they are too many.
    """
    unknown = [name for name in prompts if name not in classes]
    if unknown:
        raise BadInput(
            "there are prompts for {unknown!r}, which is no class; choose from: {classes}",
            unknown=unknown[0],
            classes=", ".join(classes[:20]),
        )
    result: Prompts = {}
    for name in classes:
        result[name] = [one.replace(PLACE, name) for one in prompts.get(name) or [DEFAULT]]
        for one in prompts.get(name) or []:
            other = re.search(r"\{\w*\}", one.replace(PLACE, ""))
            if other or not one.strip():
                what = f"has {other[0]}" if other else "is empty"
                raise BadInput(
                    "a prompt of class {name!r} {what}; only {place} is filled in",
                    name=name,
                    what=what,
                    place=PLACE,
                )
    if sum(map(len, result.values())) > MOST:
        raise BadInput("these are more than {most} prompts; use fewer", most=MOST)
    return result


def _owner(line: str, classes: Sequence[str]) -> tuple[str | None, str]:
    """The class that a line begins with, and what follows its colon; a class's name may itself
    hold a colon, so the longest one counts."""
    for name in sorted(classes, key=len, reverse=True):
        head, rest = line[: len(name)], line[len(name) :].lstrip()
        if head.casefold() == name.casefold() and rest.startswith(":"):
            return name, rest[1:]
    return None, line
