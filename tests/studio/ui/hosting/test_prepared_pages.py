"""The page's document is made once for all who call the studio by one name."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from studio.ui.hosting.prepared_pages import KEPT, PreparedPages


@pytest.fixture
def made():
    """How often each document was made, and a client."""
    counts = []

    def page(request):
        counts.append(request.url.path)
        if "broken" in request.headers:
            return PlainTextResponse("broken", 500)
        reply = PlainTextResponse(f"{request.url.scheme}://{request.headers['host']}")
        if "log-in" in request.headers:
            reply.set_cookie("session", "secret")
        return reply

    paths = [Route(path, page, methods=["GET", "POST"]) for path in ("/", "/config", "/other")]
    app = Starlette(routes=paths, middleware=[Middleware(PreparedPages)])
    return counts, TestClient(app)


def test_it_is_made_once_for_each_name(made):
    counts, client = made
    for _ in range(3):
        assert client.get("/").text == "http://testserver"
        assert client.get("/", headers={"host": "studio.org"}).text == "http://studio.org"
        assert client.get("/config").status_code == 200
    assert sorted(counts) == ["/", "/", "/config"]


def test_nothing_else_is_kept(made):
    counts, client = made
    for _ in range(2):
        client.get("/other")
        client.post("/")
        client.get("/?deep_link=x")
        client.get("/", headers={"log-in": "yes", "x-forwarded-proto": "https"})
        client.get("/", headers={"broken": "yes", "x-forwarded-host": "a"})
    assert len(counts) == 10, "other paths and methods, links, cookies and refusals"


def test_what_is_kept_is_bounded(made):
    counts, client = made
    for n in range(KEPT + 1):
        client.get("/", headers={"host": f"host{n}"})
    client.get("/", headers={"host": "host0"})
    assert len(counts) == KEPT + 2, "the oldest went"
