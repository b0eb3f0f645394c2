"""A comparison: one question put to several methods and seeds, and which answer convinced."""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from backends.core import Request
from backends.errors import BadInput
from backends.metrics import METRICS
from studio.runs import Run

__all__ = ["MOST", "NONE", "Comparison", "questions", "seeds_of"]

MOST = 24  # runs in one comparison: what a person can still look at, and wait for
NONE = "none"  # the choice of who is convinced by none of them


def seeds_of(text: str) -> list[int]:
    """Seeds as people write them: ``0``, ``0, 1, 5`` or ``0-3``; each once, in that order.

    :raises BadInput: anything else.
    """
    seeds: dict[int, None] = {}
    for part in text.replace(" ", "").split(","):
        found = re.fullmatch(r"(\d{1,9})(?:[-–](\d{1,9}))?", part, re.ASCII)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise BadInput(f"seeds {text.strip()!r} cannot be read; write 0, or 0,1,2, or 0-3")
        if last - first >= MOST:
            raise BadInput(f"that is too many seeds; a comparison has at most {MOST} runs")
        seeds |= dict.fromkeys(range(first, last + 1))
    return list(seeds)


def questions(asked: Request, methods: Sequence[str], seeds: Sequence[int]) -> list[Request]:
    """The same question to each method with each seed.

    :raises BadInput: nothing is chosen, or too much.
    """
    if not methods:
        raise BadInput("choose at least one method to compare")
    if len(methods) * len(seeds) > MOST:
        raise BadInput(
            f"{len(methods)} methods with {len(seeds)} seeds are {len(methods) * len(seeds)} runs; "
            f"a comparison has at most {MOST}"
        )
    return [replace(asked, method=m, settings={}, seed=s) for m in methods for s in seeds]


@dataclass
class Comparison:
    """Requests that differ only in method and seed, and their runs as far as they were started.

    ``choice`` is the id of the run that convinced the person, ``NONE`` when none did, and None
    as long as they have not said.
    """

    owner: str
    requests: list[Request]
    runs: list[Run | None] = field(default_factory=list)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    choice: str | None = None
    stopped: bool = False
    ended: bool = False

    def __post_init__(self) -> None:
        self.runs = [None] * len(self.requests)

    @property
    def answered(self) -> list[Run]:
        """The runs that have an answer."""
        return [run for run in self.runs if run and run.answer]

    def stop(self) -> None:
        """Stop the run under way and start no other; what has ended stays."""
        self.stopped = True
        for run in self.runs:
            if run:
                run.stop()

    def rows(self) -> list[dict[str, Any]]:
        """What the table says of each run; None where a number is not known."""
        return [
            _row(request, run, self.choice)
            for request, run in zip(self.requests, self.runs, strict=True)
        ]

    def alternatives(self, of: Run | None = None) -> list[dict[str, Any]]:
        """The further answers of all runs, or ``of`` one, as rows; ``answer`` is what the method
        calls each. What was counted for the run as a whole is not theirs: None."""
        return [
            _row(run.request, replace(run, answer=other), None)
            | {"answer": name, "nfe": None, "seconds": None, "convincing": None}
            for run in self.answered if run.answer and of in (None, run)
            for name, other in run.answer.alternatives.items()
        ]  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """The question, the rows and the choice, for comparison.json."""
        asked = self.requests[0]
        return {
            "comparison": self.id,
            "bundle": asked.bundle,
            "model": asked.model,
            "target": asked.target,
            "region": self._region(),
            "factual_sha256": hashlib.sha256(asked.picture.tobytes()).hexdigest(),
            "convincing": self.choice,
            "runs": self.rows(),
            "alternatives": self.alternatives(),
        }

    def testimony(self, pseudonym: str) -> dict[str, Any]:
        """One line of the user study: who, on what question, between which answers, chose what."""
        told = self.as_json()
        said = [
            {"method": run.request.method, "seed": run.request.seed, "run": run.id,
             "status": run.answer.record["status"], "metrics": _clean(run.answer.record["metrics"])}
            for run in self.answered if run.answer
        ]  # fmt: skip
        keys = ("comparison", "bundle", "factual_sha256", "model", "target", "region")
        return {
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "owner": pseudonym,
            **{key: told[key] for key in keys},
            "runs": said,
            "chosen": self.choice,
        }

    def _region(self) -> dict[str, Any]:
        for run in self.answered:
            assert run.answer
            return dict(run.answer.record["region"])
        return {"source": self.requests[0].region, "area": None}


def _row(request: Request, run: Run | None, choice: str | None) -> dict[str, Any]:
    record = run.answer.record if run and run.answer else None
    metrics = _clean(record["metrics"]) if record else {}
    oracle = (record or {}).get("oracle") or {}
    calls = (record or {}).get("nfe", {}).values()
    values = metrics | {
        # A stopped run's calls were not counted to an end.
        "nfe": sum(n["forward"] + n["backward"] for n in calls) or None,
        "seconds": (record or {}).get("seconds"),
    }
    return {
        "method": request.method,
        "answer": (record or {}).get("answer", ""),
        "seed": request.seed,
        "run": run.id if run else None,
        "status": record["status"] if record else run.state if run else "not_started",
        "reason": run.reason if run else None,
        "flipped": record["flipped"] if record else None,
        "label": record["counterfactual"]["label"] if record else None,
        "target_probability": values.get("target_probability"),
        "oracle_label": oracle.get("label"),
        "oracle_agrees": oracle.get("agrees"),
        **{name: values.get(name) for name, m in METRICS.items() if m.compared != "never"},
        "convincing": None if choice is None or not run else choice == run.id,
    }


def _clean(metrics: dict[str, Any]) -> dict[str, Any]:
    """Numbers that JSON can hold; an absent one and one that is no number are both None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in metrics.items()
    }
