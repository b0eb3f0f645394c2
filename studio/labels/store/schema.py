"""The label store's tables.

*Responses* are people's, *suggestions* are models'; a suggestion never overwrites a response. Both
are only ever added to: a correction, or an undo, is a new response that the old one's
``superseded_by`` points at, so the label set of any earlier version can be read again. Within a
project responses are numbered without gaps in the order of their commits; the number of the last
one is the label set's version.

``items`` carries sums of its responses and of the newest suggestion (``votes``, ``disagreement``,
``guess``, ``confidence``, ``margin``), written in the transaction that changes them, so that the
next picture need not be counted out.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "Annotators",
    "Base",
    "ClassExamples",
    "Invitations",
    "ItemNames",
    "Items",
    "LeapAnswers",
    "ModelNames",
    "Paths",
    "Projects",
    "Reservations",
    "Responses",
    "StoredPictures",
    "Suggestions",
    "Trainings",
]

STANDING = text("superseded_by IS NULL")


class Base(DeclarativeBase):
    """Constraints have names, so that a migration can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's way
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


class Projects(Base):
    """A question about pictures of one bundle; ``revision`` is its last response's number,
    ``owner`` the login of who made it, empty where nobody logs in."""

    __tablename__ = "projects"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    bundle: Mapped[str]
    question: Mapped[str]
    classes: Mapped[list[str]]
    instructions: Mapped[str]
    order: Mapped[str]
    votes: Mapped[int]
    blind: Mapped[bool]
    hints: Mapped[bool]
    open: Mapped[bool]
    revision: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str] = mapped_column(server_default="")
    created: Mapped[float]


class StoredPictures(Base):
    """Pictures as a bundle's models see them, as PNG, under the sha256 of their pixels."""

    __tablename__ = "pictures"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Items(Base):
    """A picture to be labelled in a project."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("project_id", "picture"),
        Index(None, "project_id", "shuffle"),
        Index(None, "project_id", "guess", "shuffle"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    picture: Mapped[str] = mapped_column(ForeignKey("pictures.sha256"))
    name: Mapped[str]
    shuffle: Mapped[float]
    votes: Mapped[int] = mapped_column(default=0)
    disagreement: Mapped[float] = mapped_column(default=0.0)
    guess: Mapped[str | None]
    confidence: Mapped[float | None]
    margin: Mapped[float | None]


class ItemNames(Base):
    """Further names of an item: the same picture may lie in several files."""

    __tablename__ = "item_names"

    item_id: Mapped[int] = mapped_column(
        ForeignKey("items.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(primary_key=True)


class Annotators(Base):
    """A person in a project; ``secret`` is the sha256 of the access code."""

    __tablename__ = "annotators"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    role: Mapped[str]
    secret: Mapped[str] = mapped_column(unique=True)
    created: Mapped[float]


class Responses(Base):
    """A person's answer. ``request`` is the browser's own name for it, so that a repeated message
    is not a second label; ``kind`` is label or adjudication."""

    __tablename__ = "responses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "superseded_by"],
            ["responses.project_id", "responses.number"],
            deferrable=True,
            initially="DEFERRED",
        ),
        UniqueConstraint("annotator_id", "request"),
        Index(
            "ix_responses_standing", "item_id", "annotator_id", "kind",
            unique=True, sqlite_where=STANDING, postgresql_where=STANDING,
        ),
        Index(
            "ix_responses_person", "annotator_id", "state", "number",
            sqlite_where=STANDING, postgresql_where=STANDING,
        ),
        Index(
            "ix_responses_tally", "project_id", "kind", "state", "value",
            sqlite_where=STANDING, postgresql_where=STANDING,
        ),
    )  # fmt: skip

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id"))
    kind: Mapped[str]
    state: Mapped[str]
    value: Mapped[str | None]
    note: Mapped[str]
    seconds: Mapped[float]
    via: Mapped[str]
    request: Mapped[str]
    created: Mapped[float]
    superseded_by: Mapped[int | None]


class Suggestions(Base):
    """A model's answer; of one agent's about an item the newest counts."""

    __tablename__ = "suggestions"
    __table_args__ = (Index(None, "item_id", "agent", "id"), Index(None, "project_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    agent: Mapped[str]
    model_hash: Mapped[str]
    value: Mapped[str]
    score: Mapped[float]
    probabilities: Mapped[dict[str, Any]]
    created: Mapped[float]


class Reservations(Base):
    """Who has which item before them, until when."""

    __tablename__ = "reservations"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(
        ForeignKey("annotators.id"), primary_key=True, index=True
    )
    until: Mapped[float]


class Paths(Base):
    """A run whose labels a person gives: ``request`` is all it takes to go on; ``state`` is open
    or ended."""

    __tablename__ = "paths"

    id: Mapped[str] = mapped_column(primary_key=True)
    bundle: Mapped[str] = mapped_column(index=True)
    model: Mapped[str]
    annotator: Mapped[str]
    target: Mapped[str]
    picture: Mapped[str] = mapped_column(ForeignKey("pictures.sha256"))
    request: Mapped[dict[str, Any]]
    state: Mapped[str]
    created: Mapped[float]


class LeapAnswers(Base):
    """What the person called the picture of a question; question 0 shows the factual. An empty
    value took the answer back."""

    __tablename__ = "leap_answers"
    __table_args__ = (
        Index(
            "ix_leap_answers_standing", "path_id", "question",
            unique=True, sqlite_where=STANDING, postgresql_where=STANDING,
        ),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    path_id: Mapped[str] = mapped_column(ForeignKey("paths.id"))
    question: Mapped[int]
    leap: Mapped[int]
    picture: Mapped[str] = mapped_column(ForeignKey("pictures.sha256"))
    value: Mapped[str]
    seconds: Mapped[float]
    created: Mapped[float]
    superseded_by: Mapped[str | None]


class Invitations(Base):
    """A link that lets people join; ``secret`` is the sha256 of its token. ``joined`` counts those
    who came by it; a revoked or expired one lets nobody in."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    secret: Mapped[str] = mapped_column(unique=True)
    created: Mapped[float]
    expires: Mapped[float]
    revoked: Mapped[bool] = mapped_column(default=False)
    joined: Mapped[int] = mapped_column(default=0)


class ClassExamples(Base):
    """A picture that shows people what a class means; it is never one that they are asked about."""

    __tablename__ = "class_examples"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    picture: Mapped[str] = mapped_column(ForeignKey("pictures.sha256"), primary_key=True)
    value: Mapped[str]


class ModelNames(Base):
    """Which project a bundle's model of that name, in small letters, belongs to."""

    __tablename__ = "model_names"

    bundle: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)


class Trainings(Base):
    """Which label set a model was trained on; ``counts`` are its labels by class. A model that is
    not ``shared`` is offered to its project's administrators only."""

    __tablename__ = "trainings"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    version: Mapped[int]
    rule: Mapped[str]
    model: Mapped[str]
    settings: Mapped[dict[str, Any]]
    quality: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    shared: Mapped[bool] = mapped_column(server_default=true())
    created: Mapped[float]
