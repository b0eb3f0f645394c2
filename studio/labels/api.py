"""Labelling over HTTP: what the page's own script and any other program use.

Every call but ``projects`` and ``join`` carries a person's access code as a bearer token. An
answer is on the disk before its reply is sent; sent again with the same ``request``, it counts
once. Errors are ``{"error": sentence}``.
"""

# Annotations are evaluated here: FastAPI reads those of functions within a function.
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.routing import BaseRoute

from backends.errors import BadInput, NotFound
from studio.labels.management import Management
from studio.labels.store import class_examples, pictures, projects, queue, responses
from studio.labels.store.database import Database, StoreProblem
from studio.labels.store.records import (
    Annotator,
    Number,
    Seconds,
    State,
    Submission,
    Via,
    first_problem,
)
from studio.labels.store.records import Response as Stored
from studio.labels.store.texts import Line
from studio.labels.tasks import guideline_text
from studio.web.sentences import route

__all__ = ["AHEAD", "LONGEST", "answer_by", "routes"]

AHEAD = 6  # items that a page holds: the one on screen and those that follow
LONGEST = 16_384  # bytes of a message
FILES_LONGEST = 200_000_000  # of one with pictures


class Join(BaseModel):
    """Who wants to work in which project."""

    model_config = ConfigDict(extra="forbid")

    project: Line
    name: Line


class Next(BaseModel):
    """How many items to hold."""

    model_config = ConfigDict(extra="forbid")

    ahead: int = Field(default=AHEAD, strict=True, ge=1, le=50)
    alike: bool = Field(False, description="Those together that a model takes for one class")


class Undo(Next):
    """Take the newest answer back."""

    request: Line


class AnswerMessage(Next):
    """An answer, as :class:`studio.labels.store.records.Submission`, which checks it."""

    item: Number
    value: str | None = None
    state: State = "submitted"
    note: str = ""
    seconds: Seconds = 0.0
    via: Via = "api"
    request: str

    def record(self) -> Submission:
        """What the store takes."""
        return Submission(
            self.item, self.value, self.request, self.state, self.note, self.seconds, self.via
        )


class TogetherMessage(Next):
    """One answer about several items; ``seconds`` is what all of them took."""

    items: list[Number] = Field(min_length=1, max_length=100)
    value: str | None = None
    state: State = "submitted"
    seconds: float = Field(0.0, strict=True, ge=0, allow_inf_nan=False)
    via: Via = "api"
    request: Annotated[str, Field(max_length=60)]

    def record(self) -> Submission:
        """What the store takes: of each item its share of the time."""
        share = round(self.seconds / len(self.items), 3)
        return Submission(1, self.value, self.request, self.state, "", share, self.via)


class Unknown(Exception):
    """The access code is nobody's."""


def answer_by(database: Database, code: str, fields: dict[str, Any]) -> Stored:
    """Store an answer of the person with that access code.

    :param fields: of an :class:`AnswerMessage`.
    :raises BadInput: a field cannot be as it is.
    :raises NotFound: the code is nobody's, or the project has no such item.
    """
    try:
        message = AnswerMessage.model_validate(fields)
    except ValidationError as error:
        raise BadInput(first_problem(error, "the answer")) from error
    return responses.answer(database, projects.enter(database, code), message.record())


def routes(opened: Callable[[], Database], management: Management | None = None) -> list[BaseRoute]:
    """Routes under ``/labels`` for a web application.

    :param opened: gives the label store; called off the event loop.
    :param management: lets projects be made, filled, exported and trained too.
    """
    short = route(LONGEST, statuses=STATUS, always_json=True)
    router = APIRouter(prefix="/labels", tags=["labels"], route_class=short)
    Store = Annotated[Database, Depends(opened)]  # noqa: N806 - a type

    def person(store: Store, authorization: Annotated[str, Header()] = "") -> Annotator:
        try:
            return projects.enter(store, authorization.removeprefix("Bearer "))
        except (NotFound, BadInput) as error:
            raise Unknown(str(error)) from error

    Person = Annotated[Annotator, Depends(person)]  # noqa: N806 - a type

    @router.get("/projects")
    def open_projects(store: Store) -> dict[str, Any]:
        shown = {"name", "bundle", "question", "classes"}
        found = [project.setup for project in projects.listed(store) if project.setup.open]
        return {"projects": [setup.model_dump(include=shown) for setup in found]}

    @router.post("/join")
    def join(store: Store, message: Join) -> dict[str, Any]:
        access = projects.join(store, projects.find(store, message.project), message.name)
        return {"name": access.annotator.name, "code": access.code}

    @router.post("/next")
    def following(store: Store, who: Person, message: Next = Next()) -> dict[str, Any]:  # noqa: B008
        return _held(store, who, message)

    @router.post("/answers")
    def answer(store: Store, who: Person, message: AnswerMessage) -> dict[str, Any]:
        stored = responses.answer(store, who, message.record())
        return {"number": stored.number} | _held(store, who, message)

    @router.post("/together")
    def together(store: Store, who: Person, message: TogetherMessage) -> dict[str, Any]:
        stored = responses.answer_together(store, who, message.items, message.record())
        return {"number": stored[-1].number} | _held(store, who, message)

    @router.get("/guidelines")
    def guidelines(store: Store, who: Person) -> dict[str, Any]:
        project = projects.of(store, who)
        return {
            "html": guideline_text.html(project.setup.instructions),
            "examples": class_examples.listed(store, project),
        }

    @router.post("/undo")
    def undo(store: Store, who: Person, message: Undo) -> dict[str, Any]:
        back = responses.undo(store, who, message.request)
        return {"item": back.item_id if back else None} | _held(store, who, message)

    @router.get("/pictures/{sha256}.png", response_class=Response)
    def picture(store: Store, who: Person, sha256: Line) -> Response:
        content = pictures.shown(store, who.project_id, sha256)
        # Named by its content, it never changes; private, since it took a code to see it.
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(content, media_type="image/png", headers=headers)

    if management is not None:
        managed = management.router(opened, person, short, route(FILES_LONGEST, statuses=STATUS))
        router.include_router(managed)
    return list(router.routes)


STATUS: dict[type[Exception], int] = {Unknown: 401, StoreProblem: 503}


def _held(database: Database, who: Annotator, message: Next) -> dict[str, Any]:
    items = queue.following(database, who, message.ahead, alike=message.alike)
    progress = queue.progress(database, who)
    # A file's name often begins with the true class: 4_00004.png.
    shown = [{key: value for key, value in asdict(item).items() if key != "name"} for item in items]
    return {"items": shown, "progress": asdict(progress)}
