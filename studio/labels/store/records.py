"""What goes into the label store and what comes out of it, as plain records."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)  # fmt: skip

from backends.errors import BadInput
from studio.labels.store.texts import LONGEST_NOTE, Agent, Label, Line, Text
from studio.web.field_names import field_name

__all__ = [
    "ADJUDICATION",
    "DISCARDED",
    "DRAFT",
    "INTEGER",
    "LABEL",
    "LONGEST_SECONDS",
    "SUBMITTED",
    "Access",
    "Annotator",
    "Item",
    "LabelProgress",
    "Number",
    "Order",
    "PathAnswer",
    "Project",
    "Response",
    "Seconds",
    "Setup",
    "Submission",
    "Suggestion",
    "Via",
    "checked",
    "first_problem",
]

DRAFT: Final = "draft"
SUBMITTED: Final = "submitted"
DISCARDED: Final = "discarded"
LABEL: Final = "label"
ADJUDICATION: Final = "adjudication"
Order = Literal["random", "balanced", "confidence", "margin", "disagreement"]
State = Literal["draft", "submitted", "discarded"]
Kind = Literal["label", "adjudication"]
Role = Literal["annotator", "administrator"]
Via = Literal["key", "mouse", "touch", "pen", "grid", "page", "api", "import", "undo"]
LONGEST_SECONDS = 86_400.0  # a day: whoever takes longer has left the page open
INTEGER = 2**31 - 1  # the greatest of PostgreSQL's
# Strict, or true and "1" would be the number 1.
Number = Annotated[int, Field(strict=True, ge=1, le=INTEGER)]
Seconds = Annotated[float, Field(strict=True, ge=0, le=LONGEST_SECONDS, allow_inf_nan=False)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def first_problem(error: ValidationError, whole: str) -> str:
    """The first field that cannot be as it is, and why.

    :param whole: what is named where no field is to blame, such as ``the message``; may be empty.
    """
    first = error.errors(include_url=False)[0]
    where = field_name(first["loc"]) or whole
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


class Setup(BaseModel):
    """What a project is; its fields make the form and the command line's options."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Text = Field(
        min_length=1, max_length=60, pattern=r"^[\w][\w .-]*$", title="Name",
        description="What the project is called; letters, digits, spaces, - and .",
    )  # fmt: skip
    bundle: Line = Field(min_length=1, title="Bundle", description="Whose pictures are labelled")
    question: Text = Field(
        "What is this?", min_length=1, max_length=300, title="Question",
        description="What people are asked about each picture",
    )  # fmt: skip
    classes: list[Label] = Field(
        min_length=2, max_length=100, title="Classes", description="What they can answer"
    )
    instructions: Text = Field(
        "",
        max_length=20_000,
        title="Guidelines",
        description="How to decide; Markdown, one click away for everyone",
    )
    order: Order = Field(
        "random", title="Order",
        description="random; balanced over classes; where the model is least sure (confidence, "
        "margin); or where people disagree",
    )  # fmt: skip
    votes: int = Field(
        1, ge=1, le=100, title="Labels an item", description="k: how many people see each picture"
    )
    blind: bool = Field(
        True, title="Blind", description="Nobody sees what others answered before answering"
    )
    hints: bool = Field(
        False, title="Show suggestions",
        description="Show an automatic annotator's suggestion beside the picture",
    )  # fmt: skip
    open: bool = Field(
        True, title="Open", description="Anyone who can open the page may join by giving a name"
    )

    @classmethod
    def checked(cls, values: dict[str, Any]) -> Setup:
        """From what a person gave.

        :raises BadInput: a field cannot be as it is.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            ours = SENTENCES.get((str(next(iter(first["loc"]), "")), first["type"]))
            told = f"{first_problem(error, 'the project')}; give another"
            raise BadInput(ours or told) from error

    @field_validator("votes", mode="before")
    @classmethod
    def _number(cls, votes: Any) -> Any:
        if isinstance(votes, bool):  # or true would be one vote
            raise ValueError("give a number")
        return votes

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: list[str]) -> list[str]:
        names = [name.strip() for name in classes]
        if not all(names):
            raise ValueError("a class has no name")
        if len({name.casefold() for name in names}) < len(names):
            raise ValueError("two classes have the same name")
        return names


# By field and pydantic's kind of error, what a person is told instead of pydantic's words.
SENTENCES = {
    ("name", "missing"): "give the project a name",
    ("name", "string_too_short"): "give the project a name",
    ("name", "string_too_long"): "the project’s name is too long; use at most 60 characters",
    ("name", "string_pattern_mismatch"): "a project’s name has only letters, digits, spaces, - and "
    ". in it, and begins with a letter or a digit; give another",
    ("question", "string_too_short"): "write the question that people are asked, such as: What is "
    "this?",
    ("question", "string_too_long"): "the question is too long; use at most 300 characters, and "
    "put the rest into the guidelines",
    ("classes", "missing"): "name at least two classes, with a comma between them",
    ("classes", "too_short"): "name at least two classes, with a comma between them",
    ("classes", "too_long"): "these are too many classes; name at most 100",
}


@dataclass(frozen=True)
class Project:
    """A project as it stands; ``version`` is the number of its last response, ``owner`` the login
    of who made it, empty where nobody logs in."""

    id: int
    setup: Setup
    version: int
    created: float
    owner: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.setup.name

    @property
    def classes(self) -> list[str]:
        """What people can answer."""
        return self.setup.classes


@dataclass(frozen=True)
class Annotator:
    """A person in a project; ``role`` is annotator or administrator."""

    id: int
    project_id: int
    name: str
    role: Role

    @property
    def administers(self) -> bool:
        """Whether everything may be seen and changed."""
        return self.role == "administrator"


@dataclass(frozen=True)
class Access:
    """A person who just joined: the ``code`` is shown once and stored as a hash only."""

    annotator: Annotator
    code: str


@dataclass(frozen=True)
class Item:
    """A picture in a project, by the sha256 of its pixels. ``value`` is what the person who asks
    had answered before undoing; ``hint`` a suggestion, ``others`` other people's answers, where
    the project shows them."""

    id: int
    picture: str
    name: str
    votes: int = 0
    value: str | None = None
    hint: dict[str, Any] | None = None
    others: dict[str, int] | None = None


@dataclass(frozen=True)
class Submission:
    """What a person says about an item. A submitted answer without a value means *unsure*;
    skipping is *discarded*.

    :ivar request: names the message, so that a repeated one counts once.
    :ivar via: how it was given: ``key``, ``mouse``, ``api``, ``import`` ...
    """

    item_id: Number
    value: Text | None
    request: Annotated[Line, Field(min_length=1, max_length=100)]
    state: State = "submitted"
    note: Annotated[Text, Field(max_length=LONGEST_NOTE)] = ""
    seconds: Seconds = 0.0
    via: Via = "api"


@dataclass(frozen=True)
class Response:
    """A person's answer about an item, in the project's numbering."""

    number: int
    item_id: int
    annotator: str
    kind: Kind
    state: State
    value: str | None
    note: str
    seconds: float
    via: str
    created: float
    superseded_by: int | None = None

    @property
    def unsure(self) -> bool:
        """Whether the person looked and could not say."""
        return self.state == SUBMITTED and self.value is None


@dataclass(frozen=True)
class Suggestion:
    """A model's answer about an item: its probabilities by class, their greatest, which one."""

    item_id: Number
    agent: Agent
    model_hash: Label
    value: Label
    score: Finite
    probabilities: dict[Label, Finite]
    created: Finite = 0.0

    @property
    def margin(self) -> float:
        """Between the two likeliest classes; 1 where there is only one."""
        first, second = sorted([*self.probabilities.values(), 0.0], reverse=True)[:2]
        return first - second if math.isfinite(first - second) else 0.0


@dataclass(frozen=True)
class PathAnswer:
    """A person's answer to a question of an interactive run, after that leap; 0 is the factual."""

    question: Annotated[int, Field(strict=True, ge=0, le=INTEGER)]
    leap: Annotated[int, Field(strict=True, ge=0, le=INTEGER)]
    value: Annotated[Label, Field(min_length=1)]
    seconds: Seconds


@dataclass(frozen=True)
class LabelProgress:
    """Of one person and of the project: pictures ``done`` of ``total``; this person's counts;
    ``pace`` in pictures a minute over the last ten minutes."""

    done: int
    total: int
    submitted: int
    unsure: int
    skipped: int
    pace: float


Some = TypeVar("Some", Submission, Suggestion, PathAnswer)


def checked(record: Some) -> Some:
    """The record, if the store takes it: both databases take the same.

    :raises BadInput: a field cannot be as it is.
    """
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    try:
        valid: Some = _adapter(type(record)).validate_python(values)
    except ValidationError as error:
        raise BadInput(
            "{error}; nothing was stored", error=first_problem(error, "the answer")
        ) from error
    return valid


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
