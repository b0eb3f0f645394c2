"""The doors of a studio that is served: its HTTP routes, and the events of its page."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from PIL import Image

from backends import bundles
from backends.errors import BadInput
from benchmarks.demo_studio import DemoStudio, demo_studio
from benchmarks.fuzz.damage import TEXTS, altered, anything, damaged, respelled
from benchmarks.fuzz.files import files

__all__ = ["MESSAGES", "Try", "served", "to_api", "to_events", "to_labels"]

Try = Callable[[random.Random], None]
"""Makes an input with what is drawn, and gives it to the studio; a StudioError is a sentence, what
else it raises is a fault."""

PATIENCE = 20.0  # seconds for a reply
MESSAGES: dict[str, dict[str, Any]] = {
    "join": {"project": "ones", "name": "Bob"},
    "next": {"ahead": 3, "alike": True},
    "answers": {
        "item": 1, "value": "one", "state": "submitted", "note": "", "seconds": 1.5, "via": "key",
        "request": "a", "ahead": 2,
    },
    "together": {
        "items": [1, 2], "value": "one", "state": "submitted", "seconds": 1.5, "via": "grid",
        "request": "b", "ahead": 2,
    },
    "undo": {"request": "c", "ahead": 2},
    "manage/projects": {
        "project": {"name": "other", "bundle": "digits", "classes": ["a", "b"], "votes": 2},
        "administrator": "Eve",
    },
    "manage/retrain": {"name": "ours", "rule": "majority", "settings": {"steps": 0}},
}  # fmt: skip
QUESTION: dict[str, Any] = {
    "bundle": "digits", "model": "classifier", "page": 1, "window": "", "target": "7",
    "method": "leapfactual", "region": "box:2,2,30,30", "settings": {"leaps": 2}, "seed": 1,
    "importance": False, "feather": 0, "formats": "",
}  # fmt: skip
OF_GRADIO = ("file=", "reset", "heartbeat/", "cancel", "info", "upload", "queue/data")


@dataclass
class Server:
    """A studio that runs in a process of its own, and what is known of it."""

    studio: DemoStudio
    codes: list[str] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)

    def ask(self, draw: random.Random, path: str, **content: Any) -> requests.Response:
        """Send a request; each comes from another address, so that limits let it through.

        :raises BadInput: it is refused.
        :raises RuntimeError: the studio ended, or it reports a fault of its own.
        """
        content["headers"] = {
            "X-Forwarded-For": f"10.{draw.randrange(256)}.{draw.randrange(256)}.7"
        } | content.pop("headers", {})
        method = content.pop("method", "POST")
        reply = requests.request(
            method, f"{self.studio.address}{path}", timeout=PATIENCE, **content, stream=True
        )
        if reply.headers.get("content-type", "").startswith("text/event-stream"):
            text = ""
            reply.close()
        else:
            text = reply.text
        if (ended := self.studio.process.poll()) is not None:
            raise RuntimeError(f"the studio ended with {ended}")
        said = self.studio.log.read_text(errors="replace")
        if "Traceback" in said or "Traceback" in text:
            os.truncate(self.studio.log, 0)
            raise RuntimeError((said + text)[-3000:])
        if reply.status_code >= 500 and "/gradio_api/" not in path:
            raise RuntimeError(f"{reply.status_code}: {text[:300]}")
        if reply.status_code >= 400:
            raise BadInput(text)
        return reply


@contextmanager
def served(trial: Callable[[random.Random, Server], None]) -> Iterator[Try]:
    """A studio, open as a demo; as its owner's for the labels, which only they begin."""
    mode = "private" if trial is to_labels else "demo"
    with demo_studio(0.0, STUDIO_MODE=mode) as studio:
        server = Server(studio)
        _prepare(server, mode)
        yield lambda draw: trial(draw, server)


def _prepare(server: Server, mode: str) -> None:
    config = requests.get(f"{server.studio.address}/config", timeout=30).json()
    server.events = [
        (one["id"], len(one["inputs"])) for one in config["dependencies"] if one["backend_fn"]
    ]
    if mode == "private":
        draw = random.Random(0)
        told = server.ask(draw, "/labels/manage/projects", json={
            "project": {"name": "ones", "bundle": "digits", "classes": ["one", "-seven"],
                        "votes": 3},
            "administrator": "Ada",
        }).json()  # fmt: skip
        server.codes.append(told["code"])
        drawn = sorted(bundles.get("digits").folder.glob("examples/*"))
        given = [("files", (path.name, path.read_bytes())) for path in drawn]
        authorised = {"Authorization": f"Bearer {told['code']}"}
        server.ask(draw, "/labels/manage/pictures", files=given, headers=authorised)
        server.codes.append(server.ask(draw, "/labels/join", json=MESSAGES["join"]).json()["code"])


def to_api(draw: random.Random, server: Server) -> None:
    """A question of a program: a form with files, or JSON."""
    path = draw.choice(["explain", "predict", "predict", "region"])
    kept = QUESTION if path == "explain" else {"bundle": "digits", "page": 1}
    if path == "region":
        kept = kept | {"region": "box:1,1,9,9"}
    message = altered(draw, kept) if draw.random() < 0.8 else kept
    digit = _digit()
    content = damaged(draw, draw.choice([digit, *files()])) if draw.random() < 0.5 else digit
    query = draw.choice(["", "", "?as=zip", "?as=events", "?as=banana", "?x=\ud800"])
    query = query.encode("utf-8", "replace").decode()
    if draw.random() < 0.5 and isinstance(message, dict):
        form = {key: v if isinstance(v, str) else json.dumps(v) for key, v in message.items()}
        form = {_sendable(key): _sendable(value) for key, value in form.items()}
        given = {draw.choice(["image", "image", "image", "mask", "banana"]): content}
        server.ask(draw, f"/api/{path}{query}", data=form, files=given)
    else:
        text = json.dumps(message).encode()
        text = damaged(draw, text) if draw.random() < 0.3 else text
        server.ask(draw, f"/api/{path}{query}", data=text,
                   headers={"Content-Type": "application/json"})  # fmt: skip


def to_labels(draw: random.Random, server: Server) -> None:
    """A message to the labelling routes."""
    path = draw.choice([*MESSAGES, "answers", "together"])
    message = altered(draw, MESSAGES[path])
    if isinstance(message, dict) and "request" in message and draw.random() < 0.9:
        message["request"] = f"{draw.getrandbits(48):x}"
    content = json.dumps(message).encode()
    content = damaged(draw, content) if draw.random() < 0.1 else content
    code = draw.choice([*server.codes * 4, "guess", "x" * 3000])
    server.ask(draw, f"/labels/{path}", data=content, headers={"Authorization": f"Bearer {code}"})


def to_events(draw: random.Random, server: Server) -> None:
    """An event of the page, with other values than its controls have; or another of its routes."""
    event, count = draw.choice(server.events)
    data = [anything(draw) for _ in range(draw.choice([count, count, count, 0, count + 1]))]
    message: Any = {"fn_index": event, "data": data, "session_hash": f"{draw.getrandbits(40):x}"}
    message = altered(draw, message) if draw.random() < 0.2 else message
    kind = draw.random()
    if kind < 0.6:
        server.ask(draw, "/gradio_api/queue/join", data=json.dumps(message))
    elif kind < 0.8:
        server.ask(draw, f"/gradio_api/run/{draw.choice(['predict', 'explain', 'x'])}",
                   data=json.dumps(message))  # fmt: skip
    elif kind < 0.9:
        path = draw.choice(
            ["file=", "reset", "heartbeat/", "cancel", "info", "upload", "queue/data"]
        )
        path = respelled(draw, path + draw.choice(TEXTS))
        path = _sendable(path).replace("\r", "").replace("\n", "")
        server.ask(draw, f"/gradio_api/{path}", method=draw.choice(["GET", "POST"]))
    else:
        name = _sendable(draw.choice(TEXTS)).replace('"', "") or "x"
        given = {"files": (name[:200], damaged(draw, draw.choice(files())))}
        server.ask(draw, "/gradio_api/upload", files=given)


def _digit() -> bytes:
    out = io.BytesIO()
    found = bundles.get("digits")
    Image.open(found.folder / found.own.examples[8].file).save(out, "PNG")
    return out.getvalue()


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
