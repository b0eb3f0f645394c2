"""Whether a studio that runs elsewhere is well: its health, figures, version, speed, and one
prediction."""

from __future__ import annotations

import io
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from PIL import Image, ImageDraw

from backends.errors import BadInput
from backends.version import studio_version

__all__ = ["Finding", "examine"]

SECONDS = 30.0  # for one reply
LOOKS = 5  # whose times make the latency
SLOW, SLOWER = 1.0, 10.0  # seconds of a reply, and of a prediction, that are worth telling
INFO = re.compile(r'^studio_info\{.*?version="([^"]*)"', re.MULTILINE)
GOING = re.compile(r'^studio_runs_going\{state="(\w+)"\} ([\d.]+)', re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``state`` is ok, told (worth knowing) or broken."""

    state: str
    text: str

    def __str__(self) -> str:
        return f"{self.state:8} {self.text}"


@dataclass
class _Server:
    address: str
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, path: str, **message: Any) -> requests.Response:
        """One request; a message makes it a POST."""
        method = "POST" if message else "GET"
        return self.session.request(
            method, self.address + path, timeout=SECONDS, allow_redirects=False, **message
        )


def examine(address: str, login: tuple[str, str] | None = None) -> Iterator[Finding]:
    """Look at a studio.

    :param address: http:// or https://.
    :param login: name and password, where people log in.
    :raises BadInput: that is no address.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(
            "{address!r} is no address; give one such as https://studio.example.org",
            address=address,
        )
    server = _Server(address.rstrip("/"))
    server.session.auth = login
    for check in (_health, _latency, _figures, _prediction):
        try:
            yield from check(server)
        except requests.RequestException as error:
            reason = type(error).__name__
            yield Finding("broken", f"{server.address} does not answer ({reason}); is it running?")
            return


def _health(server: _Server) -> Iterator[Finding]:
    reply = server.ask("/healthz")
    states = _json(reply)
    if not isinstance(states, dict) or "ok" not in states:
        yield Finding("broken", f"{server.address} is no studio (/healthz: {reply.status_code})")
        return
    for name, state in states.items():
        if name != "ok":
            well = state == "ok"
            yield Finding("ok" if well else "broken", name if well else f"{name}: {state}")


def _latency(server: _Server) -> Iterator[Finding]:
    times = [_timed(lambda: server.ask("/healthz"))[0] for _ in range(LOOKS)]
    middle = statistics.median(times)
    state = "ok" if middle < SLOW else "told"
    yield Finding(state, f"answers in {1000 * middle:.0f} ms (at most {1000 * max(times):.0f})")


def _figures(server: _Server) -> Iterator[Finding]:
    reply = server.ask("/metrics")
    if reply.status_code in (401, 403):
        yield Finding("told", "its figures are for its own machine and administrators only")
        return
    if reply.status_code != 200:
        yield Finding("broken", f"/metrics answers {reply.status_code}")
        return
    found, own = INFO.search(reply.text), studio_version()
    version = found[1] if found else "unknown"
    state = "ok" if version == own else "told"
    yield Finding(state, f"version {version}" + ("" if state == "ok" else f"; here it is {own}"))
    going = ", ".join(f"{float(count):.0f} {state}" for state, count in GOING.findall(reply.text))
    yield Finding("ok", f"runs: {going or 'none'}")


def _prediction(server: _Server) -> Iterator[Finding]:
    reply = server.ask("/api/bundles")
    if reply.status_code == 401:
        yield Finding("told", "people log in here; give --user to try a prediction")
        return
    bundles = _json(reply)
    if reply.status_code != 200 or not bundles:
        yield Finding("broken", f"/api/bundles answers {reply.status_code}, and no bundle")
        return
    name = bundles[0]["name"]
    seconds, reply = _timed(
        lambda: server.ask(
            "/api/predict", data={"bundle": name}, files={"image": ("seven.png", _seven())}
        )
    )
    said = _json(reply)
    if reply.status_code == 200 and isinstance(said, dict):
        text = f"bundle {name} says {said.get('label')!r} of a drawn 7, in {seconds:.2f} s"
        yield Finding("ok" if seconds < SLOWER else "told", text)
    elif 400 <= reply.status_code < 500 and isinstance(said, dict) and "error" in said:
        yield Finding("told", f"bundle {name} refuses a drawn 7: {said['error']}")
    else:
        yield Finding("broken", f"a prediction of bundle {name} ends with {reply.status_code}")


def _timed(ask: Callable[[], requests.Response]) -> tuple[float, requests.Response]:
    began = time.monotonic()
    reply = ask()
    return time.monotonic() - began, reply


def _json(reply: requests.Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        return None


def _seven() -> bytes:
    """A picture that every studio has words for."""
    picture, out = Image.new("L", (112, 112), 255), io.BytesIO()
    ImageDraw.Draw(picture).line([(30, 30), (82, 30), (50, 90)], fill=0, width=9)
    picture.save(out, "PNG")
    return out.getvalue()
