"""Controller of the Label tab: the label store, who works where, pictures on their way in."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
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
from studio.labels.tasks.add_pictures import Filled
from studio.runs.background_tasks import BackgroundTasks
from studio.translation import N_, _
from studio.ui.shared.controller import BundleController
from studio.ui.shared.model_list import Offered

__all__ = ["Assignment", "Codes", "LabelController", "count_of", "examples", "held_codes"]

Codes = dict[str, str]  # by project, as the browser keeps them
AT_ONCE = 5  # pictures prepared between two turns of other work


@dataclass(frozen=True)
class Assignment:
    """A person at work in a project."""

    project: Project
    person: Annotator
    code: str


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

    def names(self, bundle: str, codes: Codes | None = None, login: str = "") -> list[str]:
        """A bundle's projects that a person may see, the newest first: those that are open, those
        that they have joined or made, and all where the machine is theirs.

        :param login: of the person, where there is one.
        """
        codes, found = held_codes(codes), projects.listed(self.database(), bundle)
        if self.access.mode != "private":
            found = [
                one for one in found
                if one.setup.open or (login and one.owner == login)
                or self.assignment(one.name, codes)
            ]  # fmt: skip
        return [project.name for project in found]

    def assignment(self, name: str | None, codes: Codes | None) -> Assignment | None:
        """Where this browser's person works in a project; None before joining it.

        :raises BadInput: the browser says something else than a project and codes.
        """
        held = held_codes(codes)
        name = line_of(name or "", N_("the project's name"))
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
        """The models of people's labels that an open page may show: those that are shared, those
        of projects that its person administers, and all where the machine is theirs. A store that
        fails hides them all."""
        learnt = [name for name, entry in controller.about["models"].items() if _learnt(entry)]
        if not learnt:  # the store need not be opened for this
            return Offered()
        try:
            trained = training.of_people(self.database(), controller.bundle)
        except StudioError:
            return Offered(hidden=frozenset(learnt))
        return Offered(trained, self._hidden(trained, self._held.get(owner)))

    def hidden(self, bundle: str, code: str = "") -> frozenset[str]:
        """Names of the models that a program may not ask.

        :param code: its access code, where it has one.
        """
        trained = training.of_people(self.database(), bundle)
        try:
            held = {(known := self.known(code)).project.name: known.code} if code else {}
        except StudioError:
            held = {}
        return self._hidden(trained, held)

    def _hidden(
        self, trained: Mapping[str, training.TrainedModel], held: Codes | None
    ) -> frozenset[str]:
        private = [one for one in trained.values() if not one.shared]
        if self.access.mode == "private":
            return frozenset()
        return frozenset(one.name for one in private if not self._administers(held, one.project))

    def _administers(self, held: Codes | None, project: str) -> bool:
        assignment = self.assignment(project, held)
        return assignment is not None and assignment.person.administers

    def require_administrator(self, name: str | None, codes: Codes | None) -> Assignment:
        """As :meth:`assignment`, for administrators only.

        :raises BadInput: nobody has joined, or the person does not administer the project.
        """
        assignment = self.assignment(name, codes)
        if assignment is None:
            raise BadInput("join a project first: choose it, type your name, press Join")
        if not assignment.person.administers:
            raise BadInput(
                "only an administrator of {name!r} can do that", name=assignment.project.name
            )
        return assignment

    def join(self, name: str | None, person: str, login: str = "") -> Access:
        """A new person in a project; who made it with their login administers it again.

        :raises BadInput: no project is chosen, it is not open, or the name is taken.
        """
        if not name:
            raise BadInput("choose a project first, or make one below")
        project = projects.find(self.database(), line_of(name, N_("the project's name")))
        if login and project.owner == login:
            named = _named_person(person)
            return projects.invite(self.database(), project, named, projects.ADMINISTRATOR)
        return projects.join(self.database(), project, _named_person(person))

    def accept(self, token: str, person: str) -> tuple[Project, Access]:
        """A new person in the project that an invitation leads to.

        :raises NotFound: the invitation does not work.
        :raises BadInput: the name is taken, or is none.
        """
        access = invitations.accept(self.database(), token, _named_person(person))
        return projects.of(self.database(), access.annotator), access

    def create(self, person: str, login: str = "", **fields: Any) -> tuple[Project, Access]:
        """A new project, which ``person`` administers.

        :param login: theirs, where there is one: they may join it again.
        :raises BadInput: a field makes no sense, or there is no name, in a sentence.
        """
        setup = Setup.checked(fields)
        return projects.create(self.database(), setup, _named_person(person), login)

    def fill(
        self, controller: BundleController, owner: str, project: Project, paths: Iterable[str]
    ) -> AsyncIterator[Filled]:
        """Prepare pictures as the bundle's models see them and put them into a project.

        :param paths: of pictures, and of zip files of them.
        """
        engine = controller.runs.engine
        return add_pictures.fill(engine, self.database(), project, owner, paths)

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
            new += pictures.add(self.database(), project, [(_("seed {seed}", seed=seed), picture)])
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
        raise BadInput("give a whole number from 1 to {most}", most=most)
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
