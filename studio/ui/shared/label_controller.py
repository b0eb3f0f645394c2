"""Controller of the Label tab: the label store, who works where, pictures on their way in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from backends.errors import BadInput, NotFound, StudioError
from studio.labels.store import pictures, projects
from studio.labels.store.database import Database
from studio.labels.store.records import Access, Annotator, Project, Setup
from studio.labels.tasks import add_pictures
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.shared.controller import BundleController

__all__ = ["Assignment", "Codes", "Filled", "LabelController", "examples"]

Codes = dict[str, str]  # by project, as the browser keeps them
AT_ONCE = 20  # pictures prepared between two turns of other work


@dataclass(frozen=True)
class Assignment:
    """A person at work in a project."""

    project: Project
    person: Annotator
    code: str


@dataclass(frozen=True)
class Filled:
    """How far pictures are on their way into a project: how many were looked at, how many are new
    to it, and which could not be used, with the reason."""

    seen: int
    new: int
    refused: tuple[str, ...] = ()


@dataclass
class LabelController:
    """The label store behind the page, opened when first needed.

    :ivar place: a file or an address, as :class:`studio.labels.store.database.Database` takes.
    :ivar tasks: what models do for projects.
    """

    place: str
    tasks: BackgroundTasks
    _database: Database | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def database(self) -> Database:
        """The open store. Opening may take a second; call it off the event loop."""
        with self._opening:
            if self._database is None:
                self._database = Database(self.place)
            return self._database

    def names(self, bundle: str) -> list[str]:
        """A bundle's projects, the newest first."""
        return [project.name for project in projects.listed(self.database(), bundle)]

    def assignment(self, name: str | None, codes: Codes | None) -> Assignment | None:
        """Where this browser's person works in a project; None before joining it."""
        code = (codes or {}).get(name or "")
        if not name or not code:
            return None
        try:
            assignment = self.known(code)
        except NotFound:  # another store, or an older one
            return None
        return assignment if assignment.project.name == name else None

    def known(self, code: str) -> Assignment:
        """Where the owner of an access code works.

        :raises NotFound: it is nobody's.
        """
        person = projects.enter(self.database(), code)
        return Assignment(projects.of(self.database(), person), person, code.strip())

    def require_administrator(self, name: str | None, codes: Codes | None) -> Assignment:
        """As :meth:`assignment`, for administrators only.

        :raises BadInput: nobody has joined, or the person does not administer the project.
        """
        assignment = self.assignment(name, codes)
        if assignment is None:
            raise BadInput("join a project first: choose it, type your name, press Join")
        if not assignment.person.administers:
            raise BadInput(f"only an administrator of {assignment.project.name!r} can do that")
        return assignment

    def join(self, name: str | None, person: str) -> Access:
        """A new person in a project.

        :raises BadInput: no project is chosen, it is not open, or the name is taken.
        """
        if not name:
            raise BadInput("choose a project first, or make one below")
        return projects.join(self.database(), projects.find(self.database(), name), person)

    def create(self, person: str, **fields: Any) -> tuple[Project, Access]:
        """A new project, which ``person`` administers.

        :raises BadInput: a field makes no sense, in a sentence.
        """
        return projects.create(self.database(), Setup.checked(fields), person or "me")

    async def fill(
        self, controller: BundleController, owner: str, project: Project, paths: Iterable[str]
    ) -> AsyncIterator[Filled]:
        """Prepare pictures as the bundle's models see them and put them into a project.

        :param paths: of pictures, and of zip files of them.
        """
        refused: list[str] = []

        def skip(name: str, reason: str) -> None:
            refused.append(f"{name}: {reason}")

        waiting = _named(controller.bundle, paths, skip)
        seen = new = 0
        while some := await controller.ask(owner, lambda: list(islice(waiting, AT_ONCE))):
            new += await asyncio.to_thread(pictures.add, self.database(), project, some)
            seen += len(some)
            yield Filled(seen, new, tuple(refused))
        yield Filled(seen, new, tuple(refused))

    async def draw(
        self, controller: BundleController, owner: str, project: Project, count: int
    ) -> AsyncIterator[Filled]:
        """As :meth:`fill`, with pictures that the bundle's generator draws; those of earlier seeds
        are there already."""
        from backends.service import draw

        new, first = 0, len(pictures.items(self.database(), project))
        for number in range(count):
            seed = first + number
            picture = await controller.ask(owner, partial(draw, controller.bundle, seed))
            new += pictures.add(self.database(), project, [(f"seed {seed}", picture)])
            yield Filled(number + 1, new)


def examples(controller: BundleController) -> Iterator[str]:
    """The bundle's own pictures."""
    for example in controller.about["examples"]:
        yield str(controller.folder / example["file"])


def _named(bundle: str, paths: Iterable[str], skip: add_pictures.Skip) -> add_pictures.Named:
    for path in paths:
        try:
            yield from add_pictures.pictures_of(bundle, path, skip)
        except StudioError as error:
            skip(Path(path).name, str(error))
