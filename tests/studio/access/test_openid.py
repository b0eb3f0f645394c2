"""Logins by OpenID Connect, against a provider that runs here."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from backends.errors import BadInput, NotAllowed
from backends.settings import settings
from studio.access import AccessPolicy, Gate, openid, rights
from studio.access.openid import OpenID
from studio.ui.serving import free_port
from tests.studio.access.provider import CLIENT, SECRET, Provider, query_of

PAGE = {"accept": "text/html"}


@pytest.fixture(scope="module")
def running():
    made = Provider()
    yield made
    made.server.should_exit = True


@pytest.fixture
def provider(running):
    running.wrong, running.signs_with = {}, None
    return running


@pytest.fixture
def login(provider):
    return OpenID(provider.issuer, CLIENT, SECRET)


def studio(access):
    app = FastAPI()

    @app.get("/{path:path}")
    def who(request: Request):
        return {name: request.headers.get(name, "") for name in (rights.USER, rights.HUB)}

    return TestClient(Gate(app, access), base_url="https://studio.example", follow_redirects=False)


@pytest.fixture
def client(login):
    return studio(AccessPolicy("team", openid=login))


def sent_to(client, path="/login"):
    """Where the studio sends a browser that wants to log in."""
    reply = client.get(path, headers=PAGE)
    assert reply.status_code == 303, reply.text
    return reply.headers["location"]


def there_and_back(client, provider, path="/login"):
    """The studio's address to which the provider sends a browser back."""
    return provider.visit(sent_to(client, path))


def test_a_browser_logs_in_and_comes_back_to_its_page(client, provider):
    first = client.get("/?run=abc&x=1", headers=PAGE)
    assert first.headers["location"] == "/login?next=%2F%3Frun%3Dabc%26x%3D1"
    back = there_and_back(client, provider, first.headers["location"])
    assert back.startswith("https://studio.example/auth?")
    done = client.get(back)
    assert (done.status_code, done.headers["location"]) == (303, "/?run=abc&x=1")
    cookie = next(c for c in done.headers.get_list("set-cookie") if c.startswith("studio-session"))
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert client.get("/page").json() == {rights.USER: "ada", rights.HUB: ""}
    assert client.get("/logout").status_code == 303
    assert client.get("/page").status_code == 401


def test_a_program_is_told_to_log_in(client):
    reply = client.get("/api/bundles", headers={"x-studio-user": "ada", "x-studio-hub-token": "t"})
    assert (reply.status_code, reply.json()) == (401, {"error": "log in at /login first"})


def test_nobody_is_sent_to_another_site(client, provider):
    for path in ("https://evil.example", "//evil.example", "/\\evil.example", "evil"):
        back = there_and_back(client, provider, f"/login?next={path}")
        assert client.get(back).headers["location"] == "/"


def refused(client, address, text):
    reply = client.get(address)
    assert reply.status_code == 403, reply.text
    assert text in reply.json()["error"]
    assert client.get("/page").status_code == 401


@pytest.mark.parametrize("state", ["", "guessed"])
def test_another_state_is_refused(client, provider, state):
    back = there_and_back(client, provider)
    refused(
        client, f"/auth?code={query_of(back)['code']}&state={state}", "not begun in this browser"
    )


def test_a_login_of_another_browser_is_refused(client, provider, login):
    """Whoever gets the link of somebody else's login must not become them."""
    theirs = there_and_back(studio(AccessPolicy("team", openid=login)), provider)
    refused(client, theirs, "not begun in this browser")
    sent_to(client)
    refused(client, theirs, "not begun in this browser")


def test_a_login_works_once(client, provider):
    back = there_and_back(client, provider)
    state = query_of(back)["state"]
    client.get(back)
    client.cookies.set("studio-login", state)
    client.get("/logout")
    client.cookies.set("studio-login", state)
    refused(client, back, "taken too long")


def test_a_login_that_takes_too_long_is_refused(client, provider, monkeypatch):
    back = there_and_back(client, provider)
    now = time.monotonic()
    monkeypatch.setattr(openid.time, "monotonic", lambda: now + openid.LONGEST + 1)
    refused(client, back, "taken too long")


def test_a_refusal_of_the_provider_is_a_sentence(client, provider):
    state = query_of(sent_to(client))["state"]
    refused(client, f"/auth?error=access_denied&state={state}", "did not log you in")
    state = query_of(sent_to(client))["state"]
    refused(client, f"/auth?code=unknown&state={state}", "does not take this login")


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iss": "https://evil.example"},
        {"aud": "another program"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"aud": [CLIENT, "another"]},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_of_this_login_is_refused(client, provider, wrong):
    provider.wrong = wrong
    refused(client, there_and_back(client, provider), "provider's answer is")


@pytest.mark.parametrize("key", ["none", "another key"])
def test_a_token_that_the_provider_has_not_signed_is_refused(client, provider, key):
    provider.signs_with = key
    refused(client, there_and_back(client, provider), "not valid")


def test_the_verifier_of_another_login_is_refused(client, provider, login):
    back = there_and_back(client, provider)
    state = query_of(back)["state"]
    waiting = login._waiting[state]
    login._waiting[state] = type(waiting)(
        waiting.nonce, "x" * 64, waiting.redirect, waiting.back, waiting.until
    )
    refused(client, back, "does not take this login")


def test_a_provider_that_does_not_answer_is_told():
    gone = OpenID(f"http://127.0.0.1:{free_port('127.0.0.1')}", CLIENT, SECRET)
    reply = studio(AccessPolicy("team", openid=gone)).get("/login")
    assert reply.status_code == 503
    assert "does not answer" in reply.json()["error"]


def test_a_provider_of_another_name_is_none(provider, monkeypatch):
    other = OpenID(provider.issuer.replace("127.0.0.1", "localhost"), CLIENT, SECRET)
    assert studio(AccessPolicy("team", openid=other)).get("/login").status_code == 503


def test_logins_under_way_are_bounded(client, login, monkeypatch):
    monkeypatch.setattr(openid, "WAITING", 3)
    for _ in range(5):
        sent_to(client)
    assert len(login._waiting) == 3


def test_a_demo_offers_a_login_and_asks_for_none(login, provider):
    client = studio(AccessPolicy("demo", openid=login))
    assert client.get("/page").json()[rights.USER] == ""
    client.get(there_and_back(client, provider))
    assert client.get("/page").json()[rights.USER] == "ada"


def visit(**headers):
    return SimpleNamespace(headers=headers)


def test_labels_are_pushed_with_the_visitors_own_token(login, provider, monkeypatch):
    """Which only a login at the hub gives."""
    monkeypatch.setattr(openid, "HUB_PROVIDER", provider.issuer)
    for mode in ("demo", "team"):
        access = AccessPolicy(mode, openid=login)
        client = studio(access)
        client.get(there_and_back(client, provider))
        told = client.get("/page", headers={rights.HUB: "forged"}).json()
        assert told == {rights.USER: "ada", rights.HUB: "ada's own token"}
        access.require("push", visit(**{rights.HUB: told[rights.HUB]}))
        with pytest.raises(NotAllowed, match="your own account of the hub"):
            access.require("push", visit())
    AccessPolicy("private").require("push", visit())


def test_administrators_are_named_in_the_settings(monkeypatch):
    monkeypatch.setenv("STUDIO_OPENID_ISSUER", "https://login.example")
    monkeypatch.setenv("STUDIO_ADMINISTRATORS", "ada, bob")
    with pytest.raises(BadInput, match="STUDIO_OPENID_CLIENT"):
        AccessPolicy.of(settings(), "0.0.0.0")
    monkeypatch.setenv("STUDIO_OPENID_CLIENT", CLIENT)
    monkeypatch.setenv("STUDIO_OPENID_SECRET", SECRET)
    access = AccessPolicy.of(settings(), "0.0.0.0")
    assert (access.mode, access.login) == ("team", True)
    assert access.rights(visit(**{rights.USER: "ada"})).fetch
    assert access.rights(visit(**{rights.USER: "eve"})).projects
    assert not access.rights(visit(**{rights.USER: "eve"})).fetch
    assert not access.rights(visit()).projects
    assert not access.administers(visit())


def test_a_space_gives_its_login_itself(monkeypatch, provider):
    for name, value in {
        "SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space", "OAUTH_CLIENT_ID": "id",
        "OAUTH_CLIENT_SECRET": "s", "OAUTH_SCOPES": "openid profile write-repos",
        "OPENID_PROVIDER_URL": "https://huggingface.co",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    access = AccessPolicy.of(settings(), "0.0.0.0")
    assert (access.mode, access.login) == ("demo", False), "it stays open to all"
    assert access.openid.of_the_hub
    monkeypatch.setenv("STUDIO_MODE", "team")
    assert AccessPolicy.of(settings(), "0.0.0.0").login
    login = OpenID(
        provider.issuer, "id", "s", scopes=access.openid._scopes, address=access.openid._address
    )
    where, _ = asyncio.run(login.begin("http://inside:7860", "/"))
    asked = query_of(where)
    assert asked["redirect_uri"] == "https://a-b.hf.space/auth"
    assert asked["scope"] == "openid profile write-repos"
