"""Methods with several values of their settings: the grammar ``method.key=v1,v2``, and values that
are worth a try."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backends.errors import BadInput
from studio.runs.comparison import MOST
from studio.runs.variations import ranges

__all__ = ["LONGEST", "SWEPT", "SuggestedSetting", "suggestions", "variants_in", "words_in"]

LONGEST = 2000  # characters that a person types
SWEPT = 1000  # combinations of a method's settings that an evaluation asks
LINES = re.compile(r"[\n;]")
# Beginning of a ``key=`` within a line; takes time in proportion to the text.
BEGINS = re.compile(r"(?<!\S)[\w.]+\s*=")


@dataclass(frozen=True)
class SuggestedSetting:
    """A setting and some of its values.

    :ivar values: in ascending order, the default among them.
    """

    title: str
    description: str
    values: tuple[Any, ...]
    default: Any


def suggestions(schema: Mapping[str, Any]) -> dict[str, SuggestedSetting]:
    """The settings of a method's schema that can be varied without typing: numbers from half to
    twice their default, as far as their bounds allow, then choices and switches, all of them."""
    numbers = ranges(schema)
    found = {}
    for name, of in numbers.items():
        default = schema["properties"][name]["default"]
        between = [of.low, (of.low + default) / 2, default, (default + of.high) / 2, of.high]
        values = {_rounded(v, of.whole) if v != default else default for v in between}
        ends = [schema["properties"][name].get(f"exclusive{end}") for end in ("Minimum", "Maximum")]
        within = sorted(v for v in values if of.low <= v <= of.high and v not in ends)
        found[name] = _suggestion(name, schema, within)
    for name, field in schema["properties"].items():
        if "enum" in field:
            found[name] = _suggestion(name, schema, field["enum"])
        elif field.get("type") == "boolean":
            found[name] = _suggestion(name, schema, [True, False])
    return found


def _suggestion(name: str, schema: Mapping[str, Any], values: Sequence[Any]) -> SuggestedSetting:
    field = schema["properties"][name]
    description = field.get("description") or ""
    return SuggestedSetting(
        field.get("title", name), description, tuple(values), field.get("default")
    )


def _rounded(value: float, whole: bool) -> float:
    return round(value) if whole else float(f"{value:.3g}")


def words_in(text: str) -> list[str]:
    """What a person typed as ``method.key=v1,v2``, one a line, or with blanks between.

    :raises BadInput: it is too long.
    """
    if len(text) > LONGEST:
        raise BadInput(
            "the settings have {count} characters, and at most {longest} are read; write fewer "
            "values",
            count=len(text),
            longest=LONGEST,
        )
    found = []
    for line in LINES.split(text):
        places = [0, *(word.start() for word in BEGINS.finditer(line)), len(line)]
        found += [line[start:end].strip() for start, end in itertools.pairwise(places)]
    return [word for word in found if word]


def variants_in(
    words: Sequence[str], methods: Sequence[str], most: int = MOST
) -> dict[str, list[dict[str, Any]]]:
    """``method.key=v1,v2`` -> by method its settings, one dictionary a row: every combination of
    the values. Without a method they are meant for all that have such a setting. A setting that is
    any text, as a prompt, has one value a word, commas and all. A value that is given twice counts
    once.

    :param most: combinations of a method.
    :raises BadInput: it is something else, no method has such a setting, or a method would have
        more combinations.
    """
    from backends import registry
    from backends.explain.question import presets_of  # imports torch

    choices: dict[str, dict[str, list[Any]]] = {}
    for word in words:
        key, equals, text = (piece.strip() for piece in word.partition("="))
        if not equals or not key or not text:
            raise BadInput("setting {word!r} is not of the form method.key=value,value", word=word)
        owner, dot, short = key.partition(".")
        if dot:
            if owner not in methods:
                raise BadInput(
                    "{word!r}: {owner!r} is not among the chosen methods; choose from: {known}",
                    word=word,
                    owner=owner,
                    known=", ".join(methods),
                )
            owners = [owner]
        else:
            short = key
            owners = [
                name for name in methods
                if short in registry.method(name).Config.model_fields
                or (short == "preset" and presets_of(registry.method(name)))
            ]  # fmt: skip
            if not owners:
                raise BadInput(
                    "{word!r}: no chosen method has the setting {short!r}", word=word, short=short
                )
        for name in owners:
            field = registry.method(name).Config.model_fields.get(short)
            free = field is not None and field.annotation is str
            values = [text] if free else [value.strip() for value in text.split(",")]
            if not all(values):
                raise BadInput(
                    "setting {word!r} is not of the form method.key=value,value", word=word
                )
            known = choices.setdefault(name, {}).setdefault(short, [])
            known += [value for value in dict.fromkeys(values) if value not in known]
    for keys in choices.values():  # before a few lines make a million of them
        count = math.prod(map(len, keys.values()))
        if count > most:
            raise BadInput(
                "these are {count} combinations of settings, and at most {most} are asked; choose "
                "fewer values",
                count=count,
                most=most,
            )
    return {
        name: [dict(zip(keys, row, strict=True)) for row in itertools.product(*keys.values())]
        for name, keys in choices.items()
    }
