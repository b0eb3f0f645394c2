"""A person's own domain while it is made and trained, as a page shows it: each item tells all that
there is to see, for whoever comes later; plain records in and out, as in
:mod:`backends.service.explanations`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from backends import bundles
from backends.compute import devices
from backends.compute.oom import guarded
from backends.errors import BadInput, StudioError
from backends.evaluation import domain
from backends.evaluation.domain import Report
from backends.evaluation.plan import Progress as Judging
from backends.evaluation.progress_pictures import DRAWERS, drawn, rebuilt
from backends.explain.question import settings_of
from backends.training.new import Made, Preparing
from backends.training.new_settings import NewConfig
from backends.training.preparing import Preview, preview
from backends.training.timed_training import TrainingProgress, checkpointed_network

__all__ = ["DomainProgress", "looked_at", "made", "trained"]

REBUILDER = "latent_autoencoder"
POINTS = 200  # of a loss curve, at most
SURE = 0.02  # share from which on the time left can be told
AGAIN = 30.0  # seconds between two looks at a network in training


@dataclass(frozen=True)
class DomainProgress:
    """Where the making or training of a bundle stands.

    :ivar share: of the work, 0 to 1.
    :ivar part: that is trained, or method that is judged.
    :ivar losses: of that part so far.
    :ivar left: seconds, as far as one can tell.
    :ivar rebuilt: held-out pictures and what the autoencoder makes of them, uint8 [S, S, C] each.
    :ivar drawn: classes, and pictures that the part in training draws of them from nothing.
    """

    bundle: str
    phase: Literal["reading", "measuring", "training", "judging", "done"] = "reading"
    share: float = 0.0
    part: str = ""
    step: int = 0
    total: int = 0
    losses: tuple[float, ...] = ()
    left: float | None = None
    made: Made | None = None
    rebuilt: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    drawn: tuple[tuple[str, np.ndarray], ...] = ()
    report: Report | None = None


def looked_at(source: Path, settings: dict[str, Any]) -> Preview:
    """Look at a person's pictures before a bundle is made of them.

    :param settings: of :class:`backends.training.new_settings.NewConfig`.
    :raises StudioError: there are none, or a setting is wrong.
    """
    return _told(source, lambda: preview(source, _config(settings)))


def made(
    name: str, source: Path, settings: dict[str, Any], *, model: str = "", minutes: float = 5.0
) -> Iterator[DomainProgress]:
    """Make a bundle of a person's pictures, and train its classifier and oracle.

    :param settings: of :class:`backends.training.new_settings.NewConfig`.
    :param model: the classifier to explain; empty for one that is trained on the labels.
    :param minutes: of the training; 0 leaves it out.
    :raises StudioError: it cannot be made of them.
    """
    command = f"python -m studio new {name} --images {source.name}"
    items = domain.make(
        name, source, _config(settings), model=model, minutes=minutes, command=command
    )
    news = _watched(name, items)
    while (item := _told(source, lambda: next(news, None))) is not None:
        yield item


def trained(name: str, minutes: float) -> Iterator[DomainProgress]:
    """Train what methods need of a bundle of a person's pictures, then judge every method. A
    training that was stopped goes on where it was.

    :raises StudioError: the bundle cannot be trained.
    """
    command = f"python -m studio train {name} --minutes {minutes:g}"
    yield from _watched(name, domain.train(name, minutes, command=command))


def _config(settings: dict[str, Any]) -> NewConfig:
    return settings_of(NewConfig, settings, "a new bundle")


def _told(source: Path, work: Callable[[], Any]) -> Any:
    """Do it, and name the pictures in an error as the person does: without the folder that they
    were unpacked to."""
    try:
        return work()
    except StudioError as error:
        raise type(error)(str(error).replace(str(source), source.name)) from error


def _watched(name: str, items: Iterator[Any]) -> Iterator[DomainProgress]:
    news, clock = DomainProgress(name), _Clock()
    try:
        yield news
        with guarded(devices.current()):
            for item in items:
                news = _after(news, item, clock)
                yield news
    finally:
        close = getattr(items, "close", None)
        if close:
            close()


@dataclass
class _Clock:
    """What the time left is told by, and when pictures were looked at."""

    begun: float = field(default_factory=time.monotonic)
    first: float | None = None
    looked: float = -AGAIN

    def left(self, share: float) -> float | None:
        """Seconds, by the speed since the first ``share``, at which an earlier training stopped."""
        if self.first is None:
            self.begun, self.first = time.monotonic(), share
        done = share - self.first
        gone = time.monotonic() - self.begun
        return gone * (1 - share) / done if done > SURE else None


def _after(news: DomainProgress, item: object, clock: _Clock) -> DomainProgress:
    match item:
        case Preparing(done, total):
            return replace(news, share=done / max(total, 1), step=done, total=total)
        case Made():
            return replace(news, made=item)
        case TrainingProgress(part, _, 0):
            return replace(news, phase="measuring", part=part)
        case TrainingProgress(part, step, total, loss, share):
            losses = (*news.losses, loss) if part == news.part else (loss,)
            if len(losses) > POINTS:
                losses = losses[:-1:2] + losses[-1:]
            return replace(
                news, phase="training", part=part, step=step, total=total, losses=losses,
                share=share, left=clock.left(share), **_previews(news, part, clock),
            )  # fmt: skip
        case Judging(method, _, share):
            return replace(news, phase="judging", part=method, share=share, losses=(), left=None,
                           drawn=())  # fmt: skip
        case Report():
            return replace(news, phase="done", share=1.0, losses=(), left=None, report=item,
                           drawn=())  # fmt: skip
    raise BadInput("{name} tells nothing of a bundle", name=type(item).__name__)


def _previews(news: DomainProgress, part: str, clock: _Clock) -> dict[str, Any]:
    """The pictures of a progress that are others than before."""
    changed, now = part != news.part, time.monotonic()
    shows = part in (REBUILDER, *DRAWERS)
    if not changed and (not shows or now - clock.looked < AGAIN):
        return {}
    clock.looked = now
    bundle = bundles.find(news.bundle)
    found: dict[str, Any] = {"drawn": ()} if changed else {}
    network = checkpointed_network(bundle.folder, part) if shows else None
    if network is not None and part in DRAWERS:
        found["drawn"] = drawn(part, network, bundle)
    autoencoder = network if part == REBUILDER else None
    # The finished one is shown once more, or where an earlier training made it.
    again = part != REBUILDER and (news.part == REBUILDER or not news.rebuilt)
    if again and bundle.problem(REBUILDER) is None:
        autoencoder = bundle.part(REBUILDER)
    held_out = bundle.test_pictures() if autoencoder is not None else None
    if held_out is not None:
        found["rebuilt"] = rebuilt(autoencoder, held_out[0])
    return found
