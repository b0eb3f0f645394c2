"""How much a model that was trained on people's labels rests on, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

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
    found = []
    none = [name for name, count in counts.items() if count == 0]
    few = [f"{name} ({count})" for name, count in counts.items() if 0 < count < FEWEST]
    if none:
        found.append(f"Nobody labelled anything {_listed(none)}: it cannot say that.")
    if few:
        found.append(f"It saw fewer than {FEWEST} labels of {_listed(few)}.")
    held = round(quality.get("held_out_rows", 0))
    if held < FEWEST_HELD_OUT:
        labels = f"Only {held} labels were" if held != 1 else "Only 1 label was"
        found.append(f"{labels if held else 'No labels were'} held out to check it, too few.")
    return found


def agreement(quality: Mapping[str, float]) -> str:
    """How many of the labels held out it gives, such as ``17 of 20``; a dash where none were."""
    value, held = quality.get("held_out_agreement"), round(quality.get("held_out_rows", 0))
    return "–" if value is None or not held else f"{round(value * held)} of {held}"


def told(counts: Mapping[str, int]) -> str:
    """Labels by class, such as ``0: 12, 1: 9``."""
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def _listed(names: list[str]) -> str:
    return " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"
