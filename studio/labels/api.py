"""Labelling over HTTP: what the page's own script and any other program use.

Every call but ``projects`` and ``join`` carries a person's access code as a bearer token. An
answer is on the disk before its reply is sent; sent again with the same ``request``, it counts
once. Errors are ``{"error": sentence}``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from backends.errors import BadInput, NotFound, StudioError
from studio.labels.store import pictures, projects, queue, responses
from studio.labels.store.database import Database
from studio.labels.store.records import Annotator, State
from studio.labels.store.responses import Answer

__all__ = ["AHEAD", "routes"]

AHEAD = 6  # items that a page holds: the one on screen and those that follow
LONGEST = 16_384  # bytes of a message


class Join(BaseModel):
    """Who wants to work in which project."""

    model_config = ConfigDict(extra="forbid")

    project: str
    name: str


class Next(BaseModel):
    """How many items to hold."""

    model_config = ConfigDict(extra="forbid")

    ahead: int = Field(AHEAD, ge=1, le=50)


class Undo(Next):
    """Take the newest answer back."""

    request: str


class Said(Next):
    """An answer, as :class:`studio.labels.store.responses.Answer`."""

    item: int
    value: str | None = None
    state: State = "submitted"
    note: str = ""
    seconds: float = 0.0
    via: str = Field("api", max_length=20)
    request: str


class Unknown(Exception):
    """The access code is nobody's."""


def routes(opened: Callable[[], Database]) -> list[BaseRoute]:
    """Routes under ``/labels`` for a web application.

    :param opened: gives the label store; called off the event loop.
    """

    def held(database: Database, who: Annotator, ahead: int) -> dict[str, Any]:
        items = queue.following(database, who, ahead)
        progress = queue.progress(database, who)
        return {"items": [asdict(item) for item in items], "progress": asdict(progress)}

    def listed(database: Database, body: bytes) -> dict[str, Any]:
        return {
            "projects": [
                project.setup.model_dump(include={"name", "bundle", "question", "classes"})
                for project in projects.listed(database)
                if project.setup.open
            ]
        }

    def join(database: Database, body: bytes) -> dict[str, Any]:
        wanted = Join.model_validate_json(body)
        access = projects.join(database, projects.find(database, wanted.project), wanted.name)
        return {"name": access.annotator.name, "code": access.code}

    def following(database: Database, who: Annotator, body: bytes) -> dict[str, Any]:
        wanted = Next.model_validate_json(body or b"{}")
        return held(database, who, wanted.ahead)

    def answer(database: Database, who: Annotator, body: bytes) -> dict[str, Any]:
        said = Said.model_validate_json(body)
        stored = responses.answer(
            database, who,
            Answer(said.item, said.value, said.request, said.state, said.note, said.seconds,
                   said.via),
        )  # fmt: skip
        return {"number": stored.number} | held(database, who, said.ahead)

    def undo(database: Database, who: Annotator, body: bytes) -> dict[str, Any]:
        wanted = Undo.model_validate_json(body)
        back = responses.undo(database, who, wanted.request)
        return {"item": back.item_id if back else None} | held(database, who, wanted.ahead)

    def identified(
        work: Callable[[Database, Annotator, bytes], dict[str, Any]],
    ) -> Callable[[Database, bytes, str], dict[str, Any]]:
        return lambda database, body, code: work(database, _person(database, code), body)

    def anyone(
        work: Callable[[Database, bytes], dict[str, Any]],
    ) -> Callable[[Database, bytes, str], dict[str, Any]]:
        return lambda database, body, code: work(database, body)

    def route(
        path: str, work: Callable[[Database, bytes, str], dict[str, Any]], verb: str
    ) -> Route:
        async def handle(request: Request) -> Response:
            body = await _body(request)
            if body is None:
                return _problem(413, f"a message has at most {LONGEST} bytes")
            code = _code(request)
            return await run_in_threadpool(_told, lambda: JSONResponse(work(opened(), body, code)))

        return Route(path, handle, methods=[verb])

    async def picture(request: Request) -> Response:
        code, sha256 = _code(request), request.path_params["sha256"]

        def work() -> Response:
            database = opened()
            who = _person(database, code)
            content = pictures.shown(database, who.project_id, sha256)
            # Named by its content, it never changes; private, since it took a code to see it.
            headers = {"Cache-Control": "private, max-age=86400, immutable"}
            return Response(content, media_type="image/png", headers=headers)

        return await run_in_threadpool(_told, work)

    return [
        Mount(
            "/labels",
            routes=[
                route("/projects", anyone(listed), "GET"),
                route("/join", anyone(join), "POST"),
                route("/next", identified(following), "POST"),
                route("/answers", identified(answer), "POST"),
                route("/undo", identified(undo), "POST"),
                Route("/pictures/{sha256}.png", picture, methods=["GET"]),
            ],
        )
    ]


async def _body(request: Request) -> bytes | None:
    """The message, or None when it is too long to be one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            return None
    return body


def _code(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _person(database: Database, code: str) -> Annotator:
    try:
        return projects.enter(database, code)
    except NotFound as error:
        raise Unknown(str(error)) from error


def _told(work: Callable[[], Response]) -> Response:
    try:
        return work()
    except Unknown as error:
        return _problem(401, str(error))
    except NotFound as error:
        return _problem(404, str(error))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the message"
        return _problem(400, f"{where}: {first['msg']}")
    except BadInput as error:
        return _problem(400, str(error))
    except StudioError as error:
        return _problem(500, str(error))


def _problem(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)
