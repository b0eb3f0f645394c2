"""Projects, and who may work in them."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from backends.errors import BadInput, NotFound
from studio.labels.store.database import Database
from studio.labels.store.person_names import person_name, require_name
from studio.labels.store.records import Access, Annotator, Project, Role, Setup
from studio.labels.store.schema import Annotators, Projects
from studio.labels.store.texts import line_of

__all__ = [
    "add_person",
    "change",
    "create",
    "create_within",
    "enter",
    "find",
    "hashed",
    "invite",
    "join",
    "listed",
    "locked",
    "members",
    "of",
    "of_id",
    "people",
    "require_class",
]

ADMINISTRATOR: Final = "administrator"
ANNOTATOR: Final = "annotator"


def create(
    database: Database, setup: Setup, administrator: str, owner: str = ""
) -> tuple[Project, Access]:
    """A new project, and the access of the person who administers it.

    :param owner: their login, where there is one.
    :raises BadInput: there is one of that name.
    """
    try:
        with database.write() as connection:
            access = create_within(connection, setup, administrator, owner)
    except IntegrityError as error:
        raise BadInput(
            "there is a project {name!r} already; choose another name", name=setup.name
        ) from error
    return find(database, setup.name), access


def change(database: Database, project: Project, setup: Setup) -> Project:
    """Other settings for a project. Classes may be added and moved; one that was answered stays.

    :raises BadInput: the bundle would change, or a class would go.
    """
    gone = set(project.classes) - set(setup.classes)
    if gone:
        raise BadInput(
            "class {gone!r} cannot be taken away, labels may name it; make a new project instead",
            gone=sorted(gone)[0],
        )
    if setup.bundle != project.setup.bundle:
        raise BadInput("a project keeps its bundle; make a new project instead")
    with database.write() as connection:
        connection.execute(
            update(Projects).where(Projects.id == project.id).values(setup.model_dump())
        )
    return find(database, setup.name)


def find(database: Database, name: str) -> Project:
    """The project of that name.

    :raises NotFound: there is none.
    :raises BadInput: it is no name.
    """
    name = line_of(name, "the project's name")
    with database.read() as connection:
        row = connection.execute(select(Projects.__table__).where(Projects.name == name)).first()
    if row is None:
        shown = [project.name for project in listed(database) if project.setup.open]
        known = ", ".join(shown) or "none yet"
        raise NotFound(
            "there is no project {name!r}; open projects are: {known}", name=name, known=known
        )
    return _project(row)


def listed(database: Database, bundle: str | None = None) -> list[Project]:
    """All projects, or a bundle's, the newest first."""
    chosen = select(Projects.__table__).order_by(Projects.id.desc())
    if bundle is not None:
        chosen = chosen.where(Projects.bundle == bundle)
    with database.read() as connection:
        return [_project(row) for row in connection.execute(chosen)]


def join(database: Database, project: Project, name: str) -> Access:
    """A new person in a project that is open.

    :raises BadInput: it is not open, or somebody has that name.
    """
    if not project.setup.open:
        raise BadInput(
            "{name!r} is not open to everyone; ask its administrator for an access code",
            name=project.name,
        )
    return invite(database, project, name)


def invite(database: Database, project: Project, name: str, role: Role = ANNOTATOR) -> Access:
    """A new person in a project, by its administrator's wish.

    :raises BadInput: somebody has that name, or it is none.
    """
    try:
        with database.write() as connection:
            return add_person(connection, project.id, name, role)
    except IntegrityError as error:
        raise BadInput(
            "somebody in {name!r} is called {name_2!r} already; choose another name, or "
            "give that person's access code",
            name=project.name,
            name_2=name.strip(),
        ) from error


def enter(database: Database, code: str) -> Annotator:
    """The person whose access code this is.

    :raises NotFound: nobody's.
    :raises BadInput: it is no code.
    """
    code = line_of(code, "the access code").strip()
    chosen = select(Annotators.__table__).where(Annotators.secret == hashed(code))
    with database.read() as connection:
        row = connection.execute(chosen).first()
    if row is None:
        raise NotFound("that access code is nobody's; copy it again, or join with a new name")
    return _annotator(row)


def people(database: Database, project: Project) -> list[Annotator]:
    """Everyone in a project, in the order of joining."""
    with database.read() as connection:
        return members(connection, project)


def members(connection: Connection, project: Project) -> list[Annotator]:
    """As :func:`people`, within a transaction."""
    chosen = (
        select(Annotators.__table__)
        .where(Annotators.project_id == project.id)
        .order_by(Annotators.id)
    )
    return [_annotator(row) for row in connection.execute(chosen)]


def of(database: Database, annotator: Annotator) -> Project:
    """The project that a person works in."""
    with database.read() as connection:
        return of_id(connection, annotator.project_id)


def of_id(connection: Connection, number: int) -> Project:
    """The project of that number."""
    chosen = select(Projects.__table__).where(Projects.id == number)
    return _project(connection.execute(chosen).one())


def locked(connection: Connection, project_id: int) -> Project:
    """The project's row, which nobody else changes until the transaction ends."""
    chosen = select(Projects.__table__).where(Projects.id == project_id).with_for_update()
    return _project(connection.execute(chosen).one())


def create_within(
    connection: Connection, setup: Setup, administrator: str, owner: str = ""
) -> Access:
    """As :func:`create`, within a transaction; the project's number is the access's."""
    row = setup.model_dump() | {"revision": 0, "owner": owner, "created": time.time()}
    (number,) = connection.execute(insert(Projects).values(row).returning(Projects.id)).one()
    return add_person(connection, number, administrator, ADMINISTRATOR)


def add_person(connection: Connection, project: int, name: str, role: Role = ANNOTATOR) -> Access:
    """As :func:`invite`, within a transaction.

    :raises BadInput: it is no name, or somebody has it in another spelling.
    """
    name = require_name(name)
    chosen = select(Annotators.name).where(Annotators.project_id == project)
    if any(name == person_name(other) for other in connection.scalars(chosen)):
        raise BadInput(
            "somebody is called {name!r} already; choose another name, or give that "
            "person's access code",
            name=name,
        )
    code = secrets.token_urlsafe(16)
    row = {
        "project_id": project, "name": name, "role": role, "secret": hashed(code),
        "created": time.time(),
    }  # fmt: skip
    (number,) = connection.execute(insert(Annotators).values(row).returning(Annotators.id)).one()
    return Access(Annotator(number, project, name, role), code)


def require_class(project: Project, value: str) -> None:
    """Refuse what is no class of a project.

    :raises BadInput: it is none.
    """
    if value not in project.classes:
        raise BadInput(
            "{value!r} is no class of {name!r}; choose from: {classes}",
            value=value,
            name=project.name,
            classes=", ".join(project.classes),
        )


def hashed(code: str) -> str:
    """How a secret is stored. It has 128 random bits or more, which no salt could make harder to
    guess."""
    return hashlib.sha256(code.encode()).hexdigest()


def _project(row: Any) -> Project:
    values = row._asdict()
    setup = Setup.model_construct(**{key: values[key] for key in Setup.model_fields})
    return Project(row.id, setup, row.revision, row.created, row.owner)


def _annotator(row: Any) -> Annotator:
    return Annotator(row.id, row.project_id, row.name, row.role)
