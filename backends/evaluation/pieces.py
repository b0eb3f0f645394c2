"""An evaluation in pieces that several processes compute, each with networks of its own.

What a piece comes to is put into the plan's store, from which :func:`evaluate` then makes its rows
as it does of what it computed itself: so the table is the same, and nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from backends.errors import StudioError
from backends.evaluation.answering import name_of
from backends.evaluation.plan import Plan
from backends.evaluation.rows import Posed, load, load_judges, posed, seeds_of
from backends.evaluation.store import AnswerStore, Batch
from backends.targets.trust import trusted

__all__ = ["Piece", "PieceWorker", "missing", "store"]

Result = tuple[dict[str, Any], Batch]


@dataclass(frozen=True)
class Piece:
    """A batch of a row: the row's number, the seed, the first picture and the one after the
    last."""

    line: int
    seed: int
    start: int
    stop: int


def missing(plan: Plan) -> list[Piece]:
    """The pieces that are not in the plan's store.

    :raises StudioError: as :func:`backends.evaluation.rows.evaluate`.
    """
    asked = posed(plan)
    kept = asked.asking.store
    return [p for p in _pieces(plan, asked) if not kept.has(name_of(_asked(asked, p)))]


def store(plan: Plan, result: Result) -> None:
    """Keep what a piece came to.

    :raises BadInput: the store cannot be written.
    """
    asked, batch = result
    AnswerStore(plan.answers).put(name_of(asked), asked, batch)


def _pieces(plan: Plan, asked: Posed) -> Iterator[Piece]:
    total = len(asked.questions.x)
    for number, line in enumerate(asked.lines):
        for seed in seeds_of(plan, line):
            for start in range(0, total, plan.batch):
                yield Piece(number, seed, start, min(start + plan.batch, total))


def _asked(asked: Posed, piece: Piece) -> dict[str, Any]:
    line, part = asked.lines[piece.line], slice(piece.start, piece.stop)
    return asked.asking.asked(line, asked.regions[line.region], piece.seed, part)


class PieceWorker:
    """Computes a plan's pieces; lives in a process of its own, and loads its networks at once.

    :param trusting: whether the plan may name models of the person who began it.
    """

    def __init__(self, plan: Plan, trusting: bool = False) -> None:
        with trusted() if trusting else nullcontext():
            self._posed = posed(plan)
        load_judges(plan, self._posed)
        for line in self._posed.lines:
            with suppress(StudioError):  # its pieces will say so
                load(plan, self._posed.found, line)

    def device(self) -> str:
        """The device that it computes on."""
        return self._posed.found.device

    def compute(self, piece: Piece) -> Result:
        """What a piece came to, and all that it depends on.

        :raises StudioError: the method cannot run.
        """
        asked = self._posed
        line, part = asked.lines[piece.line], slice(piece.start, piece.stop)
        steps = asked.asking.computed(line, asked.regions[line.region], piece.seed, part)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return _asked(asked, piece), end.value
