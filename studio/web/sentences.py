"""Routes whose every refusal is ``{"error": sentence}`` with a fitting status, and whose messages
have a greatest length."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from backends.errors import (
    BadInput,
    MissingPart,
    NotAllowed,
    NotFound,
    OutOfMemory,
    StudioError,
    TooMuch,
    Unreachable,
)  # fmt: skip
from backends.files import FULL, unwritten
from studio.web.field_names import field_name

__all__ = ["STATUS", "problem", "refusal", "route"]

log = logging.getLogger(__name__)
STATUS: dict[type[Exception], int] = {
    BadInput: 400, NotAllowed: 403, NotFound: 404, MissingPart: 409, OutOfMemory: 507,
    TooMuch: 429, Unreachable: 503, StudioError: 500,
}  # fmt: skip
PLACES = ("body", "query", "path", "header")
INSIDE = "the studio failed at this; its log has the details"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route(
    longest: int,
    *,
    statuses: Mapping[type[Exception], int] | None = None,
    always_json: bool = False,
) -> type[APIRoute]:
    """A class of routes, for a router's ``route_class``.

    :param longest: bytes of a message at most.
    :param statuses: of further errors.
    :param always_json: read every message as JSON, whatever type its sender names.
    """
    known = STATUS | dict(statuses or {})

    class SentenceRoute(APIRoute):
        """A route of that kind."""

        def get_route_handler(self) -> Handler:
            """Wrap what answers a request."""
            answer = super().get_route_handler()

            async def answer_or_refuse(request: Request) -> Response:
                scope = _as_json(request.scope) if always_json else request.scope
                try:
                    _check_length(request.headers.get("content-length", ""), longest)
                    return await answer(Request(scope, _limited(request.receive, longest)))
                except Exception as error:
                    return refusal(error, known)

            return answer_or_refuse

    return SentenceRoute


def refusal(error: Exception, statuses: Mapping[type[Exception], int] = STATUS) -> JSONResponse:
    """The reply to a request that raised an error."""
    if isinstance(error, RequestValidationError):
        return _told(problem(error.errors()[0]), 400)
    if isinstance(error, HTTPException):
        return _told(str(error.detail), error.status_code)
    for kind in type(error).__mro__:
        if kind in statuses:
            reply = _told(str(error), statuses[kind])
            if isinstance(error, TooMuch):
                reply.headers["Retry-After"] = str(math.ceil(error.wait))
            return reply
    if isinstance(error, OSError) and error.errno in FULL:
        log.error("a request failed: %s", error)
        return _told(unwritten("what you asked for", error), 507)
    log.error("a request failed", exc_info=error)
    return _told(INSIDE, 500)


def _told(sentence: str, status: int) -> JSONResponse:
    # A message may repeat what was sent: half of a character, which UTF-8 cannot write.
    return JSONResponse({"error": sentence.encode("utf-8", "replace").decode()}, status)


def problem(first: Mapping[str, Any], fields: Iterable[str] = ()) -> str:
    """One of pydantic's problems as a sentence: the field, and what is wrong with it.

    :param fields: that there are.
    """
    names = [str(part) for part in first["loc"] if isinstance(part, str)]
    where = field_name(name for name in names if name not in PLACES) or "the message"
    if first["type"] == "extra_forbidden" and fields:
        return f"there is no field {where!r}; choose from: {', '.join(fields)}"
    if first["type"] == "missing":
        return f"the field {where!r} is missing"
    return f"{where}: {str(first['msg']).removeprefix('Value error, ')}"


def _check_length(told: str, longest: int) -> None:
    if told.isdecimal() and int(told) > longest:
        raise _too_long(longest)


def _too_long(longest: int) -> HTTPException:
    return HTTPException(413, f"a message has at most {longest} bytes")


def _limited(receive: Receive, longest: int) -> Receive:
    """The same messages, until they are too long."""
    count = 0

    async def counted() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > longest:
            raise _too_long(longest)
        return message

    return counted


def _as_json(scope: Any) -> dict[str, Any]:
    headers = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
    return {**scope, "headers": [*headers, (b"content-type", b"application/json")]}
