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
from studio.access import MEMBERS, AccessPolicy
from studio.labels.store import invitations, pictures, projects
from studio.labels.store.database import Database
from studio.labels.store.person_names import require_name
from studio.labels.store.records import Access, Annotator, Project, Setup
from studio.labels.store.texts import line_of
from studio.labels.tasks import add_pictures
from studio.labels.tasks import retrain as training
from studio.runs.background_tasks import BackgroundTasks
from studio.ui.shared.controller import BundleController
from studio.ui.shared.model_list import Offered

__all__ = ["Assignment", "Codes", "Filled", "LabelController", "count_of", "examples", "held_codes"]

Codes = dict[str, str]  # by project, as the browser keeps them
AT_ONCE = 5  # pictures prepared between two turns of other work


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
    :ivar access: who may make projects, train models and push.
    """

    place: str
    tasks: BackgroundTasks
    access: AccessPolicy = MEMBERS
    _database: Database | None = None
    _held: dict[str, Codes] = field(default_factory=dict)
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def database(self) -> Database:
        """The open store. Opening may take a second; call it off the event loop."""
        with self._opening:
            if self._database is None:
                self._database = Database(self.place)
            return self._database

    def check(self) -> None:
        """Ask the store for something, if it was opened.

        :raises StudioError: it does not answer.
        """
        if self._database is not None:
            projects.listed(self._database, "")

    def names(self, bundle: str) -> list[str]:
        """A bundle's projects, the newest first."""
        return [project.name for project in projects.listed(self.database(), bundle)]

    def assignment(self, name: str | None, codes: Codes | None) -> Assignment | None:
        """Where this browser's person works in a project; None before joining it.

        :raises BadInput: the browser says something else than a project and codes.
        """
        held = held_codes(codes)
        name = line_of(name or "", "the project's name")
        code = held.get(name)
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
        :raises BadInput: it is no text.
        """
        person = projects.enter(self.database(), code)
        return Assignment(projects.of(self.database(), person), person, code.strip())

    def note(self, owner: str, codes: Codes | None) -> None:
        """Remember which access codes an open page holds; see :meth:`offered`.

        :raises BadInput: they are none.
        """
        self._held[owner] = held_codes(codes)

    def leave(self, owner: str) -> None:
        """Forget a closed page."""
        self._held.pop(owner, None)

    def offered(self, controller: BundleController, owner: str) -> Offered:
        """The models of people's labels that an open page may show: those that are shared, and
        those of projects that its person administers. A store that fails hides them all."""
        learnt = [name for name, entry in controller.about["models"].items() if _learnt(entry)]
        if not learnt:  # the store need not be opened for this
            return Offered()
        try:
            trained = training.of_people(self.database(), controller.bundle)
        except StudioError:
            return Offered(hidden=frozenset(learnt))
        private = [one for one in trained.values() if not one.shared]
        hidden = [one.name for one in private if not self._administers(owner, one.project)]
        return Offered(trained, frozenset(hidden))

    def _administers(self, owner: str, project: str) -> bool:
        assignment = self.assignment(project, self._held.get(owner))
        return assignment is not None and assignment.person.administers

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
        name = line_of(name, "the project's name")
        return projects.join(
            self.database(), projects.find(self.database(), name), _named_person(person)
        )

    def accept(self, token: str, person: str) -> tuple[Project, Access]:
        """A new person in the project that an invitation leads to.

        :raises NotFound: the invitation does not work.
        :raises BadInput: the name is taken, or is none.
        """
        access = invitations.accept(self.database(), token, _named_person(person))
        return projects.of(self.database(), access.annotator), access

    def create(self, person: str, **fields: Any) -> tuple[Project, Access]:
        """A new project, which ``person`` administers.

        :raises BadInput: a field makes no sense, or there is no name, in a sentence.
        """
        setup = Setup.checked(fields)
        return projects.create(self.database(), setup, _named_person(person))

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


def held_codes(held: Any) -> Codes:
    """The access codes by project that a browser says it keeps: it may say anything.

    :raises BadInput: it says something else.
    """
    held = {} if held is None else held
    texts = isinstance(held, dict) and all(isinstance(one, str) for one in (*held, *held.values()))
    if not texts:
        raise BadInput(
            "the access codes that this browser keeps are damaged; clear what it stores of this "
            "page, then enter your access code again"
        )
    return dict(held)


def count_of(number: Any, most: int) -> int:
    """A browser's number of things.

    :raises BadInput: it is no whole number from 1 to ``most``.
    """
    plain = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not plain or not 1 <= number <= most or number != int(number):
        raise BadInput(f"give a whole number from 1 to {most}")
    return int(number)


def _named_person(name: Any) -> str:
    if name is None or (isinstance(name, str) and not name.strip()):
        raise BadInput("type your name first; what you make and answer is kept under it")
    return require_name(name)


def _learnt(entry: dict[str, Any] | None) -> bool:
    return bool(entry and entry["labels"])


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
