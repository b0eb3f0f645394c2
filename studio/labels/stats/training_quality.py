"""How much a model that was trained on people's labels rests on, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backends.sentences import Sentence, joined

if TYPE_CHECKING:
    from backends.training.labelled import Labelled

__all__ = ["FEWEST", "FEWEST_HELD_OUT", "agreement", "label_counts", "told", "weaknesses"]

FEWEST = 5  # labels of a class, below which what the model says of it is a guess
FEWEST_HELD_OUT = 20  # labels, below which their agreement says little


def label_counts(rows: Labelled) -> dict[str, int]:
    """Labels by class, of all classes; a picture that people disagree about counts for the class
    that most of them said."""
    most = rows.labels.argmax(1).tolist()
    return {name: most.count(place) for place, name in enumerate(rows.classes)}


def weaknesses(counts: Mapping[str, int], quality: Mapping[str, float]) -> list[str]:
    """Why a model should not be trusted yet, a sentence each; empty where nothing speaks
    against it.

    :param counts: labels by class, of all classes.
    :param quality: of :class:`backends.training.retrain_settings.Learnt`.
    """
    found: list[str] = []
    none = [name for name, count in counts.items() if count == 0]
    few = [f"{name} ({count})" for name, count in counts.items() if 0 < count < FEWEST]
    if none:
        found.append(
            Sentence("Nobody labelled anything {none}: it cannot say that.", none=_listed(none))
        )
    if few:
        found.append(
            Sentence("It saw fewer than {fewest} labels of {few}.", fewest=FEWEST, few=_listed(few))
        )
    held = round(quality.get("held_out_rows", 0))
    if held < FEWEST_HELD_OUT:
        texts = {
            0: Sentence("No labels were held out to check it, too few."),
            1: Sentence("Only 1 label was held out to check it, too few."),
        }
        many = Sentence("Only {held} labels were held out to check it, too few.", held=held)
        found.append(texts.get(held, many))
    return found


def agreement(quality: Mapping[str, float]) -> str:
    """How many of the labels held out it gives, such as ``17 of 20``; a dash where none were."""
    value, held = quality.get("held_out_agreement"), round(quality.get("held_out_rows", 0))
    if value is None or not held:
        return "–"
    return Sentence("{count} of {total}", count=round(value * held), total=held)


def told(counts: Mapping[str, int]) -> str:
    """Labels by class, such as ``0: 12, 1: 9``."""
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def _listed(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return joined(" or ", (", ".join(names[:-1]), names[-1]))
