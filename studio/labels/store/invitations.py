"""Links that let people join a project: nobody can guess one, and it can be taken back."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from backends.errors import BadInput, NotFound
from studio.labels.store import projects
from studio.labels.store.database import Database
from studio.labels.store.records import INTEGER, Access, Project
from studio.labels.store.schema import Invitations
from studio.labels.store.texts import line_of

__all__ = ["DAYS", "Invitation", "accept", "listed", "make", "opened", "revoke"]

DAYS = 14.0  # that a link works, unless its maker says otherwise
LONGEST = 365.0


@dataclass(frozen=True)
class Invitation:
    """A link to a project, without its token; times in seconds since 1970.

    :ivar joined: how many people came by it.
    """

    id: int
    created: float
    expires: float
    revoked: bool
    joined: int

    @property
    def works(self) -> bool:
        """Whether people can still join by it."""
        return not self.revoked and self.expires > time.time()


def make(database: Database, project: Project, days: float = DAYS) -> str:
    """The token of a new invitation. The store keeps only its hash: nobody can read it again.

    :param days: that it works, more than 0 and at most 365.
    :raises BadInput: ``days`` is out of range.
    """
    number = isinstance(days, (int, float)) and not isinstance(days, bool)
    if not (number and 0 < days <= LONGEST):
        raise BadInput(
            "an invitation works for more than 0 and at most {longest:.0f} days", longest=LONGEST
        )
    token, now = secrets.token_urlsafe(24), time.time()
    row = {
        "project_id": project.id, "secret": projects.hashed(token), "created": now,
        "expires": now + days * 86_400, "revoked": False, "joined": 0,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(Invitations).values(row))
    return token


def opened(database: Database, token: str) -> Project:
    """The project that an invitation leads to.

    :raises NotFound: there is no such invitation, or it works no more.
    :raises BadInput: the token is no text.
    """
    with database.read() as connection:
        return projects.of_id(connection, _standing(connection, token).project_id)


def accept(database: Database, token: str, name: str) -> Access:
    """A new person in the invitation's project, open to everyone or not.

    :raises NotFound: there is no such invitation, or it works no more.
    :raises BadInput: somebody has that name, or it is none, or the token is no text.
    """
    with database.write() as connection:
        row = _standing(connection, token)
        # Locked, so that two who choose one name at a time come one after the other.
        projects.locked(connection, row.project_id)
        access = projects.add_person(connection, row.project_id, name)
        connection.execute(
            update(Invitations)
            .where(Invitations.id == row.id)
            .values(joined=Invitations.joined + 1)
        )
    return access


def listed(database: Database, project: Project) -> list[Invitation]:
    """A project's invitations, the newest first."""
    chosen = (
        select(
            Invitations.id, Invitations.created, Invitations.expires, Invitations.revoked,
            Invitations.joined,
        )
        .where(Invitations.project_id == project.id)
        .order_by(Invitations.id.desc())
    )  # fmt: skip
    with database.read() as connection:
        return [Invitation(*row) for row in connection.execute(chosen)]


def revoke(database: Database, project: Project, number: int) -> None:
    """Let nobody else join by an invitation; who did stays.

    :raises NotFound: the project has none of that number.
    """
    unknown = NotFound(
        "{name!r} has no invitation {number!r}; load the page again",
        name=project.name,
        number=number,
    )
    if type(number) is not int or not 0 < number <= INTEGER:
        raise unknown
    with database.write() as connection:
        done = connection.execute(
            update(Invitations)
            .where(Invitations.project_id == project.id, Invitations.id == number)
            .values(revoked=True)
        )
        if not done.rowcount:
            raise unknown


def _standing(connection: Connection, token: str) -> Row[Any]:
    token = line_of(token, "the invitation").strip()
    chosen = select(Invitations.__table__).where(Invitations.secret == projects.hashed(token))
    row = connection.execute(chosen).first()
    if row is None or row.revoked or row.expires <= time.time():
        raise NotFound("this invitation does not work (any more); ask who sent it for a new link")
    return row
