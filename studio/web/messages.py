"""A message's fields and files, however they were sent: as multipart, as a form, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from backends.errors import BadInput
from studio.web.sentences import problem

__all__ = ["checked", "documented", "read"]

M = TypeVar("M", bound=BaseModel)
FIELDS = 50  # of a form, at most
PART = 2**30  # bytes of one: the whole message is limited, so that a picture as base64 may be long
MULTIPART, FORM, JSON = (
    "multipart/form-data", "application/x-www-form-urlencoded", "application/json",
)  # fmt: skip


def checked(kind: type[M], fields: Mapping[str, Any]) -> M:
    """A message from its fields.

    :raises BadInput: one cannot be as it is.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(problem(first, kind.model_fields)) from error


async def read(request: Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The fields of a message, and the files in it, by name. What is left empty is not said.

    :raises BadInput: the message has no form that is known.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent == MULTIPART:
        return await _of_multipart(request)
    body = (await request.body()).strip()
    if sent == FORM and not body.startswith((b"{", b"[")):  # curl -d calls JSON a form, too
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=FIELDS)), {}
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadInput("the message cannot be read; send a form, or JSON") from error
    if not isinstance(fields, dict):
        raise BadInput("the message is no JSON object; send the fields by their names")
    return {name: value for name, value in fields.items() if value is not None}, {}


async def _of_multipart(request: Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    fields: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    try:
        async with request.form(max_fields=FIELDS, max_part_size=PART) as form:
            for name, value in form.multi_items():
                if not isinstance(value, UploadFile):
                    fields |= {name: value} if value else {}
                elif value.filename or value.size:  # a page's form sends an empty one for none
                    files[name] = await value.read()
    except HTTPException as error:
        if error.status_code == 413:
            raise
        raise BadInput(f"the form cannot be read ({error.detail}); send it again") from error
    except Exception as error:  # whatever the parser raises at damaged forms
        raise BadInput("the form cannot be read; send it as multipart/form-data") from error
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
