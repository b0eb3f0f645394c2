"""Whether a person accepts an answer or discards it, and why: kept with the answer and in the
study's file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, Literal

from backends.core import Answer
from backends.errors import BadInput
from studio.runs import Run
from studio.runs.rows import known
from studio.runs.study import Study

__all__ = ["LONGEST", "Decision", "decide"]

LONGEST = 2000  # characters of a note
Decision = Literal["accepted", "discarded"]


def decide(study: Study, run: Run | None, decision: Decision, note: str) -> None:
    """Note a decision in the answer's record, as ``decision`` and ``note``, and as a line of the
    study; the last one counts, and the same once more adds no line.

    :raises BadInput: there is no answer, the note is too long, or the study cannot be written (the
        answer keeps the decision all the same).
    """
    if run is None or run.answer is None or not run.ended:
        raise BadInput("there is no answer yet; press Run first")
    note = note.strip()
    if len(note) > LONGEST:
        raise BadInput(
            "the note has {count} characters; at most {longest} are kept",
            count=len(note),
            longest=LONGEST,
        )
    record = run.answer.record | {"decision": decision, "note": note}
    run.answer = replace(run.answer, record=record)
    study.note_decision(_line(study, run, run.answer))


def _line(study: Study, run: Run, answer: Answer) -> dict[str, Any]:
    record = answer.record
    keys = ("bundle", "model", "method", "target", "seed", "settings", "region", "status",
            "decision", "note")  # fmt: skip
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "owner": study.pseudonym(run.owner),
        "run": run.id,
        "factual_sha256": hashlib.sha256(run.request.picture.tobytes()).hexdigest(),
        **{key: record[key] for key in keys},
        "metrics": known(record["metrics"]),
    }
