"""The rows of a label set in a file, whatever the format, and how a file's values are checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json

from backends.errors import BadInput
from studio.labels.store.person_names import require_name
from studio.labels.store.records import LONGEST_SECONDS, Kind, Setup, State, first_problem
from studio.labels.store.texts import LONGEST_NOTE, Agent, Label, Line, Text

__all__ = [
    "BATCH",
    "FileRow",
    "Header",
    "ItemRow",
    "LabelSet",
    "ResponseRow",
    "SuggestionRow",
    "iso",
    "moment",
    "parsed",
    "plain",
    "project_of",
    "row",
]

BATCH = 200  # pictures that are in memory at once
SPREADSHEET_DAY_0 = datetime(1899, 12, 30, tzinfo=timezone.utc)
SPREADSHEET_DAYS = 2_958_466  # the first day after 9999
EARLIEST_SECONDS = 1e8  # since 1970; a smaller number is a date such as 20240501, or no time
DOTTED = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y")  # as German spreadsheets write dates


def _person(name: Any) -> str:
    try:
        return require_name(name)
    except BadInput as error:
        raise ValueError(str(error)) from error


def _time(value: Any) -> Any:
    """Also what a spreadsheet makes of a time: days since 1899-12-30, or a dotted date."""
    text = str(value).strip().replace(",", ".", 1)
    try:
        days = float(text)
    except ValueError:
        days = None
    if days is not None and 0 < days < SPREADSHEET_DAYS:
        return SPREADSHEET_DAY_0 + timedelta(seconds=round(days * 86400))
    if days is not None and days < EARLIEST_SECONDS:
        raise ValueError("it is no time; write it like 2024-05-01T10:00:00Z")
    for form in DOTTED if isinstance(value, str) and value.count(".") > 1 else ():
        try:
            return datetime.strptime(value.strip(), form)
        except ValueError:
            continue
    return value


def _utc(value: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    if value is None:
        return None
    try:
        value = value.replace(tzinfo=value.tzinfo or timezone.utc).astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("it is beyond the year 9999") from None
    if value.year < 1970:
        raise ValueError("it is before 1970")
    return value


Sha256 = Annotated[str, Field("", pattern="^([0-9a-f]{64})?$")]
Person = Annotated[str, BeforeValidator(_person)]
Time = Annotated[datetime | None, BeforeValidator(_time), AfterValidator(_utc)]


class FileRow(BaseModel):
    """A row about a picture.

    :ivar item: name of the picture's item.
    :ivar picture: sha256 of its pixels, where the file has it.
    :ivar record: what rows about one picture share where the file has other means than these two
        to identify pictures, such as a task's number.
    :ivar where: place in the file, for errors.
    """

    item: Line = ""
    picture: Sha256 = ""
    record: str = ""
    where: str = ""

    @model_validator(mode="after")
    def _about_something(self) -> FileRow:
        if not self.key:
            raise ValueError("it names neither an item nor a picture")
        return self

    @property
    def key(self) -> str:
        """What rows about the same picture have in common."""
        return self.picture or self.record or self.item


class ItemRow(FileRow):
    """An item.

    :ivar names: further names of the same picture.
    :ivar reference: how the file refers to the picture, such as an address; else its name.
    :ivar content: the picture, or the file that holds it, where the format has it.
    """

    names: list[Line] = []
    reference: str = ""
    content: bytes | Path | None = None


class ResponseRow(FileRow):
    """A response. ``number`` and ``superseded_by`` are the exported project's; among rows of one
    person about one picture the later one replaces the earlier, also where they are absent."""

    kind: Kind = "label"
    annotator: Person
    state: State = "submitted"
    value: Label | None = None
    note: Text = Field("", max_length=LONGEST_NOTE)
    seconds: FiniteFloat = Field(0.0, ge=0, le=LONGEST_SECONDS)
    created: Time = None
    number: int | None = None
    superseded_by: int | None = None


class SuggestionRow(FileRow):
    """A suggestion."""

    kind: Literal["suggestion"] = "suggestion"
    agent: Agent
    model_hash: Label = ""
    value: Label
    score: FiniteFloat = 1.0
    probabilities: dict[Label, FiniteFloat] = {}
    created: Time = None


@dataclass
class LabelSet:
    """A label set outside the store.

    :ivar setup: the project's settings; None where a file does not say whose labels it has.
    :ivar version: of the label set; 0 where a file does not say it.
    :ivar history: whether superseded responses are among the responses.
    :ivar left_out: what a file holds beside labels, or that cannot be used: how often, by reason.
    """

    setup: Setup | None
    version: int = 0
    history: bool = False
    items: list[ItemRow] = field(default_factory=list)
    responses: list[ResponseRow] = field(default_factory=list)
    suggestions: list[SuggestionRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def project(self) -> Setup:
        """The settings of an exported label set's project."""
        assert self.setup is not None, "an exported label set knows its project"
        return self.setup

    def header(self) -> dict[str, Any]:
        """The project, its classes and its other settings, and the label set's version."""
        about = {"project": self.project.name, "version": self.version, "history": self.history}
        return {"kind": "project", **about, **self.project.model_dump(exclude={"name"})}

    def by_picture(self) -> dict[str, tuple[list[ResponseRow], list[SuggestionRow]]]:
        """By the sha256 of each item's picture: the responses and the suggestions about it."""
        found: dict[str, tuple[list[ResponseRow], list[SuggestionRow]]] = {
            item.picture: ([], []) for item in self.items
        }
        for response in self.responses:
            found[response.picture][0].append(response)
        for suggestion in self.suggestions:
            found[suggestion.picture][1].append(suggestion)
        return found


class Header(BaseModel):
    """What a file says about its project. The settings are checked by :class:`Setup`, but for
    characters that a database cannot hold."""

    project: Text
    version: int = Field(0, ge=0)
    question: Text = ""
    instructions: Text = ""
    classes: list[Text] = []


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def iso(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the microsecond."""
    if time is None:
        return None
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(what: FileRow) -> dict[str, Any]:
    """A row as JSON values."""
    hidden = ("where", "content", "record", "reference")
    values = {k: v for k, v in what.__dict__.items() if k not in hidden}
    if "created" in values:
        values["created"] = iso(values["created"])
    if not values.get("names", True):
        del values["names"]
    return values


def parsed(text: str | bytes, where: str) -> Any:
    """JSON as Python values.

    :raises BadInput: it is none: damaged, nested too deep, or with numbers that JSON has not.
    """
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise BadInput(
            "{where} is no JSON ({error}); mend it, nothing was taken", where=where, error=error
        ) from error


Some = TypeVar("Some", bound=BaseModel)


def row(kind: type[Some], values: Mapping[str, Any], where: str) -> Some:
    """A checked row of a file; a value of None is as good as none.

    :raises BadInput: it cannot be one, with the place and the reason.
    """
    given = {key: value for key, value in values.items() if value is not None}
    if issubclass(kind, FileRow):
        given["where"] = where
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise BadInput(
            "{where}: {error}; mend it, nothing was taken",
            where=where,
            error=first_problem(error, ""),
        ) from error


def project_of(values: Any, where: str) -> tuple[Setup, int]:
    """The project's settings and the label set's version, of a file's header.

    :raises BadInput: it is no header.
    """
    if not isinstance(values, Mapping):
        raise BadInput("{where} is no JSON object about a project; export again", where=where)
    header = row(Header, values, where)
    fields = {key: values[key] for key in Setup.model_fields if key in values}
    return row(Setup, {**fields, "name": header.project}, where), header.version
