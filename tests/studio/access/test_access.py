"""Who may do what: modes, people who log in, and the gate."""

import asyncio
import base64
from types import SimpleNamespace
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from backends.errors import BadInput, NotAllowed
from backends.settings import settings
from studio.access import AccessPolicy, Gate, gate, rights, users
from studio.cli.main import app as cli

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setitem(users.COST, "n", 2)


@pytest.fixture
def team():
    people = users.Users().with_user("ann", PASSWORD, True).with_user("bob", PASSWORD)
    return AccessPolicy("team", people)


def visit(name=""):
    return SimpleNamespace(headers={rights.USER: name} if name else {})


def served(access):
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    def who(request: Request):
        return {"who": request.headers.get(rights.USER, "")}

    return TestClient(Gate(app, access))


def basic(name, password=PASSWORD):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("host", "environment", "mode"),
    [
        ("127.0.0.1", {}, "private"),
        ("localhost", {}, "private"),
        ("0.0.0.0", {}, "demo"),
        ("127.0.0.1", {"SPACE_ID": "a/b"}, "demo"),
        ("0.0.0.0", {"STUDIO_MODE": "team"}, "team"),
        ("0.0.0.0", {"STUDIO_USER_HEADER": "X-Forwarded-User"}, "team"),
        ("127.0.0.1", {"STUDIO_MODE": "demo"}, "demo"),
    ],
)
def test_a_studio_that_others_can_open_is_a_demo_unless_told(monkeypatch, host, environment, mode):
    for name in ("SPACE_ID", "STUDIO_MODE", "STUDIO_USERS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert AccessPolicy.of(settings(), host).mode == mode


def test_rights_follow_mode_and_person(team):
    assert AccessPolicy("private").rights(visit()).models
    assert AccessPolicy("demo").rights(visit("ann")) == rights.Rights()
    assert team.rights(visit("ann")).fetch
    assert not team.rights(visit("ann")).models, "files of the machine are its owner's"
    assert team.rights(visit("bob")).projects
    assert not team.rights(visit("bob")).fetch
    assert team.rights(visit()) == rights.Rights()
    assert team.rights(None) == rights.Rights()


@pytest.mark.parametrize("right", rights.REFUSALS)
def test_a_refusal_says_whom_to_ask(right):
    with pytest.raises(NotAllowed, match=r"\w+ \w+"):
        AccessPolicy("demo").require(right, visit())
    AccessPolicy("private").require(right, visit())


def test_every_right_has_a_refusal():
    assert set(rights.REFUSALS) == set(rights.Rights.__dataclass_fields__)


def test_people_log_in_with_their_passwords(team):
    client = served(team)
    refused = client.get("/")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert client.get("/", headers=basic("ann")).json() == {"who": "ann"}
    assert client.get("/", headers=basic("ann")).json() == {"who": "ann"}, "and again"
    client.cookies.clear()
    for wrong in (
        basic("ann", "wrong password"), basic("nobody"), basic(""), {"Authorization": "Basic %%%"},
        {"Authorization": "Bearer x"}, {"Authorization": "Basic " + "A" * 5000},
        basic("bob", ""), basic("ann", PASSWORD + "\0"), {"Authorization": b"Basic \xff\xfe"},
    ):  # fmt: skip
        assert client.get("/", headers=wrong).status_code == 401
    assert client.get("/healthz").status_code == 200, "what watches the studio needs no name"


@pytest.mark.parametrize("name", ["josé", "安娜", "a%20b"])
def test_names_of_all_languages_keep_their_rights(name):
    access = AccessPolicy("team", users.Users().with_user(name, PASSWORD, True))
    app, seen = FastAPI(), []

    @app.get("/")
    def may(request: Request):
        seen.append((rights.name_of(request), access.rights(request).fetch))

    assert TestClient(Gate(app, access)).get("/", headers=basic(name)).status_code == 200
    assert seen == [(name, True)]


def test_a_login_lasts_without_the_password(team):
    """The page's scripts send a bearer token, where name and password would stand."""
    client = served(team)
    reply = client.get("/", headers=basic("bob"))
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    token = {"Authorization": "Bearer an-access-code"}
    assert client.get("/", headers=token).json() == {"who": "bob"}
    client.cookies.clear()
    assert client.get("/", headers=token).status_code == 401
    forged = {"Cookie": "studio-session=guess"}
    assert client.get("/", headers=forged).status_code == 401


def test_nobody_says_who_they_are_by_the_gates_own_header(team):
    forged = {rights.USER: "ann", rights.USER.upper(): "ann"}
    assert served(team).get("/", headers=forged).status_code == 401
    assert served(AccessPolicy("demo")).get("/", headers=forged).json() == {"who": ""}
    assert served(team).get("/", headers=forged | basic("bob")).json() == {"who": "bob"}


def test_guesses_are_few(team):
    client = served(team)
    for _ in range(20):
        assert client.get("/", headers=basic("ann", "a wrong guess")).status_code == 401
    assert client.get("/", headers=basic("ann", "a wrong guess")).status_code == 429
    assert client.get("/", headers=basic("ann")).status_code == 429


def test_guesses_that_are_sent_at_once_are_few(team):
    app = Gate(lambda *_: None, team)

    async def all_at_once():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://studio") as client:
            sent = [client.get("/", headers=basic("ann", f"guess {n}")) for n in range(60)]
            return [reply.status_code for reply in await asyncio.gather(*sent)]

    codes = asyncio.run(all_at_once())
    assert codes.count(401) == 20
    assert codes.count(429) == 40


def test_a_right_password_is_no_wrong_one(team):
    client = served(team)
    for _ in range(30):
        client.cookies.clear()
        assert client.get("/", headers=basic("bob")).status_code == 200


def test_programs_that_keep_no_cookies_log_nobody_out(team, monkeypatch):
    monkeypatch.setattr(gate, "SESSIONS", 3)
    browser = served(team)
    program = TestClient(browser.app)
    browser.get("/", headers=basic("ann"))
    for _ in range(5):
        program.cookies.clear()
        assert program.get("/", headers=basic("bob")).status_code == 200
    assert browser.get("/").json() == {"who": "ann"}


def test_another_name_is_not_the_cookies(team):
    client = served(team)
    client.get("/", headers=basic("ann"))
    assert client.get("/", headers=basic("bob")).json() == {"who": "bob"}
    client.get("/", headers=basic("ann"))
    assert client.get("/", headers=basic("bob", "a wrong guess")).status_code == 401


def at(access, peer):
    """A client at an address of the network, and what the studio hears of it."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    def who(request: Request):
        return {"who": request.headers.get(rights.USER, ""), "at": request.client.host}

    return TestClient(Gate(app, access), client=(peer, 1))


def test_a_proxy_is_believed_only_at_its_address():
    access = AccessPolicy("team", header="x-forwarded-user", proxies=rights.networks("10.1.0.0/16"))
    named = {"X-Forwarded-User": "ann", "X-Forwarded-For": "6.6.6.6, 9.9.9.9, 10.1.0.3"}
    assert at(access, "10.1.0.2").get("/", headers=named).json() == {"who": "ann", "at": "9.9.9.9"}
    assert at(access, "10.1.0.2").get("/").status_code == 401
    assert at(access, "10.2.0.2").get("/", headers=named).status_code == 401


def test_whom_the_proxy_names_is_who_asks():
    access = AccessPolicy("team", header="x-forwarded-user", proxies=rights.networks("10.1.0.0/16"))
    client = at(access, "10.1.0.2")
    for name in ("ann", "bob"):
        assert client.get("/", headers={"X-Forwarded-User": name}).json()["who"] == name
    assert client.get("/").status_code == 401, "logged out at the proxy"
    beside = at(access, "10.2.0.2")
    beside.cookies = client.cookies
    assert beside.get("/").status_code == 401


def test_a_proxy_may_add_a_line_of_its_own():
    access = AccessPolicy("demo", proxies=rights.networks("127.0.0.1"))
    lines = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "203.0.113.9")]
    assert at(access, "127.0.0.1").get("/", headers=lines).json()["at"] == "203.0.113.9"


def test_nobody_chooses_their_address():
    access = AccessPolicy("demo", proxies=rights.networks("127.0.0.1"))
    forged = {"X-Forwarded-For": "1.2.3.4"}
    assert at(access, "9.9.9.9").get("/", headers=forged).json()["at"] == "9.9.9.9"
    assert at(access, "127.0.0.1").get("/", headers=forged).json()["at"] == "1.2.3.4"
    assert at(access, "127.0.0.1").get("/").json()["at"] == "127.0.0.1"
    with pytest.raises(BadInput, match="addresses or networks"):
        rights.networks("localhost, nonsense")


def test_an_address_has_its_number_of_requests():
    access = AccessPolicy("demo", rate=5)
    gate = at(access, "9.9.9.9")
    codes = [gate.get("/").status_code for _ in range(70)]
    assert codes[:50] == [200] * 50
    assert 429 in codes[50:]
    other = TestClient(gate.app, client=("8.8.8.8", 1))
    assert other.get("/").status_code == 200, "others are served"


@pytest.mark.parametrize("mode", ["private", "demo"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver.evil", "http://["]
)
def test_pages_of_other_sites_are_answered_nothing(mode, origin):
    client = served(AccessPolicy(mode))
    for ask in (client.get, client.post):
        assert ask("/gradio_api/queue/join", headers={"Origin": origin}).status_code == 403
    own = {"Origin": "http://testserver"}
    assert client.post("/", headers=own).status_code == 200
    behind = {"Origin": "https://studio.example", "X-Forwarded-Host": "studio.example"}
    assert client.post("/", headers=behind).status_code == 200


def test_users_are_kept_without_their_passwords(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_USERS", str(tmp_path / "users.json"))
    run = CliRunner().invoke
    said = run(cli, ["users", "add", "ann", "--administrator", "--password", PASSWORD])
    assert said.exit_code == 0, said.output
    run(cli, ["users", "add", "bob", "--password", PASSWORD])
    file = tmp_path / "users.json"
    assert PASSWORD not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert run(cli, ["users", "list"]).output.split("\n")[:2] == ["ann (administrator)", "bob"]
    assert users.Users.read(file).check("ann", PASSWORD)
    assert run(cli, ["users", "remove", "bob"]).exit_code == 0
    assert users.Users.read(file).names == ["ann"]
    file.write_text("[{}]")
    with pytest.raises(BadInput, match="users add"):
        users.Users.read(file)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("a:b", PASSWORD),
        ("", PASSWORD),
        ("a", "short"),
        ("a b", PASSWORD),
        ("x" * 61, PASSWORD),
    ],
)
def test_what_cannot_be_a_user_is_said(name, password):
    with pytest.raises(BadInput, match="take"):
        users.Users().with_user(name, password)


def test_wrong_access_codes_are_limited_and_right_ones_are_not():
    app = FastAPI()

    @app.get("/labels/next")
    def following(authorization: Annotated[str, Header()]):
        if authorization != "Bearer right":
            return JSONResponse({"error": "nobody's"}, 401)
        return "yours"

    client = TestClient(Gate(app, AccessPolicy("demo")))
    for _ in range(30):
        assert client.get("/labels/next", headers={"Authorization": "Bearer right"}).is_success
    statuses = [
        client.get("/labels/next", headers={"Authorization": f"Bearer guess {n}"}).status_code
        for n in range(25)
    ]
    assert statuses == [401] * 20 + [429] * 5
    told = client.get("/labels/next", headers={"Authorization": "Bearer right"})
    assert told.status_code == 429
    assert "too many wrong access codes" in told.json()["error"]
    assert 0 < int(told.headers["retry-after"]) <= 60
    assert client.get("/elsewhere").status_code == 404, "only where codes are asked for"
