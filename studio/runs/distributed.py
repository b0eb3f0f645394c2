"""An evaluation whose answers the workers of a Ray cluster compute."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.errors import StudioError
from studio.engines.workers import ATTEMPTS, LOST, Workers

if TYPE_CHECKING:
    from backends.evaluation import Plan

__all__ = ["distributed"]

log = logging.getLogger(__name__)


def distributed(plan: Plan, trusting: bool = False) -> Generator[tuple[int, int], None, Plan]:
    """Let the workers compute what is missing of an evaluation, into its store. Ray replaces a
    worker that is lost, and the piece that it had begun is computed again.

    :param plan: with a store.
    :param trusting: whether the plan may name code of the person who began it.
    :returns: yields how many pieces are finished, and of how many; then the plan whose rows the
        store has.
    :raises MissingPart: the package ``ray`` is not installed.
    :raises StudioError: the plan cannot be carried out.
    """
    from backends.evaluation import pieces

    pieces.missing(plan)  # a wrong question is told here; a worker could only die of it
    away = replace(plan, answers=None)
    workers = Workers(pieces.PieceWorker, 1, ATTEMPTS - 1, plan=away, trusting=trusting)
    ray, going = workers.ray, dict[Any, Any]()
    try:
        plan = replace(plan, device=ray.get(workers.actors[0].device.remote()))
        waiting = pieces.missing(plan)
        total, done = len(waiting), 0
        for actor in workers.actors[:total]:
            going[actor.compute.remote(waiting.pop(0))] = actor
        while going:
            ready, _ = ray.wait(list(going), timeout=1.0)
            for one in ready:
                actor = going.pop(one)
                if waiting:  # at once: it computes while its last piece is written here
                    going[actor.compute.remote(waiting.pop(0))] = actor
                try:
                    pieces.store(plan, ray.get(one))
                except StudioError as error:  # its row says so again
                    log.info("a piece could not be computed: %s", error)
                done += 1
            yield done, total
    except ray.exceptions.RayActorError as error:
        if error.actor_init_failed:
            raise StudioError(
                "the workers could not begin ({why}); mend that on their machines, then start the "
                "same again",
                why=_last_words(str(error)),
            ) from error
        raise StudioError(LOST, attempts=ATTEMPTS) from error
    finally:
        workers.close()
    return plan


def _last_words(told: str) -> str:
    """The message of the error at the end of a worker's traceback, without the error's class."""
    last = (told.strip().splitlines() or [""])[-1]
    name, colon, message = last.partition(": ")
    return message if colon and " " not in name else last
