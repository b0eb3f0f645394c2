"""What every format carries: the rows of a label set, and how a foreign file's are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from backends.errors import BadInput
from studio.labels.store import pictures, projects, responses, suggestions
from studio.labels.store.database import Database
from studio.labels.store.projects import LONGEST
from studio.labels.store.records import Kind, Project, Setup, State, Text, first_problem

__all__ = ["Guess", "LabelSet", "Piece", "Said", "gathered", "iso", "plain", "pngs", "row"]

BATCH = 200  # pictures that are in memory at once
Finite = Annotated[float, Field(allow_inf_nan=False)]
Sha256 = Annotated[str, Field("", pattern="^([0-9a-f]{64})?$")]


def _utc(value: Any) -> Any:
    """A time without a zone is UTC; Python 3.10 reads no Z, pydantic does."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or timezone.utc)
    return value


class Row(BaseModel):
    """About a picture: by its sha256, or by its item's name. ``where`` it stood is told in
    errors."""

    item: Text = ""
    picture: Sha256 = ""
    where: str = ""

    @model_validator(mode="after")
    def _about_something(self) -> Row:
        if not self.key:
            raise ValueError("it names neither an item nor a picture")
        return self

    @property
    def key(self) -> str:
        """What rows about the same picture have in common."""
        return self.picture or self.item


class Piece(Row):
    """An item; ``content`` is its picture, or the file that holds it, where the format has it."""

    content: bytes | Path | None = None


class Said(Row):
    """A response. ``number`` and ``superseded_by`` are the exported project's; among rows of one
    person about one picture the later one replaces the earlier, also where they are absent."""

    kind: Kind = "label"
    annotator: Text = Field(min_length=1, max_length=LONGEST)
    state: State = "submitted"
    value: str | None = None
    note: Text = Field("", max_length=responses.LONGEST)
    seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    created: Annotated[datetime | None, BeforeValidator(_utc)] = None
    number: int | None = None
    superseded_by: int | None = None


class Guess(Row):
    """A suggestion."""

    kind: Literal["suggestion"] = "suggestion"
    agent: Text = Field(min_length=1)
    model_hash: Text = ""
    value: str
    score: float = Field(1.0, allow_inf_nan=False)
    probabilities: dict[Text, Finite] = {}
    created: Annotated[datetime | None, BeforeValidator(_utc)] = None


@dataclass(frozen=True)
class LabelSet:
    """A label set outside the store. ``setup`` is None, and ``version`` 0, where a file does not
    say whose it is."""

    setup: Setup | None
    version: int = 0
    history: bool = False
    items: list[Piece] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)

    def header(self) -> dict[str, Any]:
        """The project, its classes and its other settings, and the label set's version."""
        assert self.setup is not None, "an exported label set knows its project"
        about = {"project": self.setup.name, "version": self.version, "history": self.history}
        return {"kind": "project", **about, **self.setup.model_dump(exclude={"name"})}


def gathered(
    database: Database, project: Project, version: int | None = None, *, history: bool = False
) -> LabelSet:
    """A label set of the store: its responses, every item, each agent's newest suggestions.

    :param version: the newest unless given.
    :param history: superseded responses too.
    :raises NotFound: there is no such version.
    """
    if version is None:
        version = projects.find(database, project.name).version
    standing = responses.standing(database, project, version, history=history)
    items = {item.id: item for item in pictures.items(database, project)}

    def about(number: int) -> dict[str, Any]:
        return {"item": items[number].name, "picture": items[number].picture, "where": ""}

    return LabelSet(
        project.setup,
        version,
        history,
        [Piece.model_construct(**about(number), content=None) for number in items],
        [
            Said.model_construct(
                **about(r.item_id), kind=r.kind, annotator=r.annotator, state=r.state,
                value=r.value, note=r.note, seconds=r.seconds, created=moment(r.created),
                number=r.number,
                # A later version's correction is not in this one.
                superseded_by=r.superseded_by if (r.superseded_by or 0) <= version else None,
            )
            for r in standing
        ],
        [
            Guess.model_construct(
                **about(s.item_id), kind="suggestion", agent=s.agent, model_hash=s.model_hash,
                value=s.value, score=s.score, probabilities=s.probabilities,
                created=moment(s.created),
            )
            for s in suggestions.newest(database, project)
        ],
    )  # fmt: skip


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def iso(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the microsecond."""
    if time is None:
        return None
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(what: Row) -> dict[str, Any]:
    """A row as JSON values."""
    values = {k: v for k, v in what.__dict__.items() if k not in ("where", "content")}
    if "created" in values:
        values["created"] = iso(values["created"])
    return values


Some = TypeVar("Some", bound=BaseModel)


def row(kind: type[Some], values: Mapping[str, Any], where: str) -> Some:
    """A checked row of a file.

    :raises BadInput: it cannot be one, with the place and the reason.
    """
    try:
        return kind(**{**values, "where": where} if issubclass(kind, Row) else values)
    except (ValidationError, TypeError) as error:
        if isinstance(error, TypeError):
            raise BadInput(f"{where} has a field without a name; mend it") from error
        what = first_problem(error, "the row")
        raise BadInput(f"{where}: {what}; mend it, nothing was taken") from error


def pngs(database: Database, labels: LabelSet) -> Iterator[tuple[Piece, bytes]]:
    """Every item with its picture, a few at a time."""
    for start in range(0, len(labels.items), BATCH):
        some = labels.items[start : start + BATCH]
        content = pictures.content(database, [piece.picture for piece in some])
        for piece in some:
            yield piece, content[piece.picture]
