"""Messages as clients send them, and as they break off."""

import asyncio
import logging

import pytest
from fastapi import APIRouter, FastAPI, Request

from studio.web.messages import read
from studio.web.sentences import route


@pytest.mark.parametrize("kind", [b"application/json", b"application/x-www-form-urlencoded"])
def test_a_client_that_leaves_within_its_message_leaves_no_trace_in_the_log(kind, caplog):
    router = APIRouter(route_class=route(1000))

    @router.post("/ask")
    async def ask(request: Request):
        return (await read(request)).fields

    scope = {
        "type": "http", "method": "POST", "path": "/ask", "raw_path": b"/ask", "root_path": "",
        "query_string": b"", "headers": [(b"content-type", kind)], "http_version": "1.1",
        "scheme": "http", "server": ("x", 80), "client": ("1.2.3.4", 5),
    }  # fmt: skip
    messages = [
        {"type": "http.request", "body": b'{"a": ', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    with caplog.at_level(logging.INFO):
        asyncio.run(FastAPI(routes=router.routes)(scope, receive, send))
    assert sent[0]["status"] == 400
    assert not caplog.records
