"""Two models that were asked the same: what each says of the answers that were made for the
other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["believed", "second_columns"]


def second_columns(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a second model says of an answer, as columns of a table; none where it was not asked.

    :param record: the content of result.json.
    """
    opinion = record.get("second_opinion")
    if not opinion:
        return {}
    return {
        "second_model": opinion["model"],
        "second_label": opinion["counterfactual"]["label"],
        "second_probability": opinion["target_probability"],
        "second_agrees": opinion["agrees"],
    }


def believed(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By ``model`` how many ``answers`` were made for it, how many of them ``flipped`` it, and how
    many of those the ``second`` model takes for the target, too, as ``believes``; None where that
    model knows no such class, or none flipped.

    :param rows: with ``model``, ``flipped`` and :func:`second_columns`.
    """
    told = [row for row in rows if row.get("second_model")]
    found = []
    for model in dict.fromkeys(row["model"] for row in told):
        mine = [row for row in told if row["model"] == model]
        flipped = [row for row in mine if row["flipped"]]
        opinions = [row["second_agrees"] for row in flipped if row["second_agrees"] is not None]
        found.append({
            "model": model, "answers": len(mine), "flipped": len(flipped),
            "second": mine[0]["second_model"], "believes": sum(opinions) if opinions else None,
        })  # fmt: skip
    return found
