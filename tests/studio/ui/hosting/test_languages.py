"""The page of each language: alike but for its texts, served to those who ask for it."""

import asyncio
from functools import partial
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.context import Context, LocalContext
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from backends.errors import BadInput
from studio.translation import _, language, speaking
from studio.ui.hosting.languages import LanguageOfThePage, in_languages, require_alike
from studio.ui.page import build
from studio.ui.shared.requests import show_errors


def head():
    return f"<script>/* {language()} */</script>"


@pytest.fixture
def page(controller):
    return in_languages(partial(build, controller), head)


def texts(config, name):
    return [component["props"].get(name) for component in config["components"]]


def test_only_texts_differ(page):
    english = page.config
    with speaking("de"):
        german = page.config
    require_alike(english, german)
    assert english["layout"] == german["layout"]
    assert "Run" in texts(english, "value")
    assert "Starten" in texts(german, "value")
    assert texts(english, "elem_id") == texts(german, "elem_id")
    assert german["head"] == "<script>/* de */</script>"
    assert max(component["id"] for component in german["components"]) < Context.id


def test_a_page_that_is_built_otherwise_is_refused(page):
    other = page.config
    other = other | {"components": other["components"][1:]}
    with pytest.raises(RuntimeError, match="alike"):
        require_alike(page.config, other)


def test_choices_have_the_same_values(page):
    with speaking("de"):
        german = page.config
    for one, other in zip(page.config["components"], german["components"], strict=True):
        values = [
            [choice[1] for choice in each["props"].get("choices") or []] for each in (one, other)
        ]
        assert values[0] == values[1]
        if one["type"] in ("dropdown", "radio", "checkboxgroup", "slider", "number", "checkbox"):
            assert one["props"].get("value") == other["props"].get("value")


@pytest.fixture
def client():
    def shown(request):
        return HTMLResponse(f'<!doctype html>\n<html lang="en"><body>{language()}</body></html>')

    def asked(request):
        return JSONResponse({"language": language()})

    routes = [Route("/", shown), Route("/config", asked), Route("/api/bundles", asked)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(LanguageOfThePage)]))


def test_the_frame_tells_its_language(client):
    reply = client.get("/", headers={"Accept-Language": "de-AT,en;q=0.3"})
    assert reply.text == '<!doctype html>\n<html lang="de"><body>de</body></html>'
    assert reply.headers["content-language"] == "de"
    assert reply.headers["vary"] == "Accept-Language"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert 'lang="en"' in client.get("/", headers={"Accept-Language": "fr"}).text
    assert client.head("/", headers={"Accept-Language": "de"}).status_code == 200


def test_programs_are_answered_in_english(client):
    german = {"Accept-Language": "de"}
    assert client.get("/config", headers=german).json() == {"language": "de"}
    reply = client.get("/api/bundles", headers=german)
    assert reply.json() == {"language": "en"}
    assert "content-language" not in reply.headers


def event(header):
    """What gradio sets while an event of a browser runs."""
    LocalContext.request.set(SimpleNamespace(headers={"accept-language": header}))


def test_two_visitors_at_once_do_not_mix(page):
    async def visit(header):
        event(header)
        said = []
        for _turn in range(5):
            await asyncio.sleep(0)
            said += [_("Stopped."), await asyncio.to_thread(_, "Stopped.")]
        return set(said)

    async def both():
        return await asyncio.gather(visit("de"), visit("en"), visit("de-CH"))

    assert asyncio.run(both()) == [{"Gestoppt."}, {"Stopped."}, {"Gestoppt."}]
    assert _("Stopped.") == "Stopped."


def test_errors_are_told_in_the_visitors_language(page):
    async def failed():
        event("de")
        error = BadInput("a polygon has at least three corners; write {form}", form="X")
        german = "Ein Polygon hat mindestens drei Ecken; X schreiben"
        with pytest.raises(gr.Error, match=german), show_errors():
            raise error
        with pytest.raises(gr.Error, match="A polygon has"), show_errors("en"):
            raise error

    asyncio.run(failed())
