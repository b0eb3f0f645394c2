"""A message's fields and files, however they were sent: as multipart, as a form, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from backends.errors import BadInput
from studio.web.sentences import problem

__all__ = ["FORM_TEXTS", "Sent", "checked", "documented", "form_of", "read"]

M = TypeVar("M", bound=BaseModel)
FORM_TEXTS = "form_texts"  # of a validation's context: whether numbers may come as texts
FIELDS = 50  # of a form, at most
PART = 2**30  # bytes of one: the whole message is limited, so that a picture as base64 may be long
MULTIPART, FORM, JSON = (
    "multipart/form-data", "application/x-www-form-urlencoded", "application/json",
)  # fmt: skip


class Sent(NamedTuple):
    """What a message holds: fields and files by name, and whether it is a form, which has no
    numbers but texts."""

    fields: dict[str, Any]
    files: dict[str, bytes]
    form: bool


def checked(kind: type[M], fields: Mapping[str, Any], *, form: bool = False) -> M:
    """A message from its fields.

    :param form: whether they come from a form.
    :raises BadInput: one cannot be as it is.
    """
    try:
        return kind.model_validate(fields, context={FORM_TEXTS: form})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(problem(first, kind.model_fields)) from error


async def read(request: Request) -> Sent:
    """The fields of a message, and the files in it. What is left empty is not said.

    :raises BadInput: the message has no form that is known, or broke off.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent == MULTIPART:
        return Sent(*await _of_multipart(request), form=True)
    try:
        body = (await request.body()).strip()
    except ClientDisconnect as error:  # nobody reads the reply, and nothing here has failed
        raise BadInput("the message broke off; send it again") from error
    if sent == FORM and not body.startswith((b"{", b"[")):  # curl -d calls JSON a form, too
        return Sent(_of_form(body), {}, form=True)
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadInput("the message cannot be read; send a form, or JSON") from error
    if not isinstance(fields, dict):
        raise BadInput("the message is no JSON object; send the fields by their names")
    given = {name: value for name, value in fields.items() if value is not None}
    return Sent(given, {}, form=False)


def _of_form(body: bytes) -> dict[str, Any]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=FIELDS))
    except ValueError as error:
        raise BadInput("a form has at most {fields} fields; send fewer", fields=FIELDS) from error


async def form_of(request: Request, **limits: int) -> FormData:
    """The form of a message; who asks for it closes it.

    :param limits: as starlette's ``Request.form`` has them.
    :raises BadInput: it cannot be read.
    :raises OSError: the disk cannot hold its files.
    """
    try:
        return await request.form(**limits)
    except HTTPException as error:
        if error.status_code == 413:
            raise
        raise BadInput(
            "the form cannot be read ({detail}); send it again", detail=error.detail
        ) from error
    except OSError:
        raise
    except Exception as error:  # whatever the parser raises at damaged forms
        raise BadInput("the form cannot be read; send it as multipart/form-data") from error


async def _of_multipart(request: Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    fields: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    form = await form_of(request, max_fields=FIELDS, max_part_size=PART)
    try:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields |= {name: value} if value else {}
            elif value.filename or value.size:  # a page's form sends an empty one for none
                files[name] = await value.read()
    finally:
        await form.close()
    return fields, files


def documented(kind: type[BaseModel]) -> dict[str, Any]:
    """How OpenAPI describes a message of ``kind``, as a form and as JSON; for a route's
    ``openapi_extra``."""
    schema = kind.model_json_schema()
    texts = {
        name: {key: value for key, value in field.items() if key != "format"}
        for name, field in schema["properties"].items()
    }
    content = {
        MULTIPART: {"schema": schema}, JSON: {"schema": schema | {"properties": texts}},
    }  # fmt: skip
    return {"requestBody": {"required": True, "content": content}}
