"""A running studio that strangers use: through its own doors, each at an address of its own."""

import asyncio
import io
import time

import pytest
import requests
from PIL import Image

from benchmarks.demo_studio import demo_studio
from benchmarks.page_visitor import PageVisitor, Refused
from benchmarks.visitors import choose, examples
from tests.studio.access.provider import CLIENT, SECRET, Provider

pytestmark = [pytest.mark.slow, pytest.mark.weights]
PAGES = 3


@pytest.fixture(scope="module")
def studio():
    small = {"STUDIO_VISITOR_MEGAPIXELS": "2", "STUDIO_VISITOR_PAGES": str(PAGES)}
    with demo_studio(1.0, **small) as running:
        yield running


def ask(studio, address, path="predict", **sent):
    content = io.BytesIO()
    Image.radial_gradient("L").resize(sent.pop("size", (28, 28))).save(content, "PNG")
    return requests.post(
        f"{studio.address}/api/{path}", files={"image": content.getvalue()}, data=sent, timeout=120,
        headers={"X-Forwarded-For": address},
    )  # fmt: skip


def test_who_has_sent_enough_is_told_when_to_go_on(studio):
    assert ask(studio, "1.0.0.1", size=(1600, 1600)).ok
    told = ask(studio, "1.0.0.1")
    assert told.status_code == 429
    assert "you have sent 3 megapixels of pictures within 10 minutes; in" in told.json()["error"]
    assert 500 < int(told.headers["Retry-After"]) <= 600
    assert ask(studio, "1.0.0.2").ok, "others are served"

    async def click():
        async with PageVisitor(studio.address, "1.0.0.1") as page:
            events = await page.config()
            values = [examples()[0].file, *events.values("pick_example")[1:]]
            status = events.place("pick_example", "status")
            sent = page.send(events.number("pick_example"), values)
            return [told[status] async for told in sent]

    assert "You have sent 3 megapixels" in str(asyncio.run(click())), "on the page, too"


async def choose_and_explain(studio, address, **asked):
    """What the page is told of a run."""
    async with PageVisitor(studio.address, address) as page:
        events = await page.config()
        await choose(page, events, examples()[0])
        values = events.values("_explain", **{"target": "9"} | asked)
        status = events.place("_explain", "status")
        return [told[status] async for told in page.send(events.number("_explain"), values)]


def test_a_model_that_is_not_offered_cannot_be_asked_by_its_name(studio):
    with pytest.raises(Refused, match="not in the list of choices"):
        asyncio.run(choose_and_explain(studio, "1.0.1.1", model="somebody's"))
    assert any("Flipped" in str(told) for told in asyncio.run(
        choose_and_explain(studio, "1.0.1.1", model="classifier")
    ))  # fmt: skip


def test_one_person_opens_only_so_many_pages(studio):
    async def open_pages(address):
        pages = [PageVisitor(studio.address, address) for _ in range(PAGES + 1)]
        try:
            for page in pages:
                await page.__aenter__()
                await choose(page, await page.config(), examples()[0])
        finally:
            for page in pages:
                await page.vanish()

    with pytest.raises(Refused, match=f"You have {PAGES} pages open"):
        asyncio.run(open_pages("1.0.2.1"))
    time.sleep(2)
    asyncio.run(choose_and_explain(studio, "1.0.2.1"))


def test_who_vanishes_frees_the_device(studio):
    async def vanish():
        page = PageVisitor(studio.address, "1.0.3.1")
        await page.__aenter__()
        events = await page.config()
        await choose(page, events, examples()[0])
        values = events.values("_explain", target="9", method="place")
        async for _ in page.send(events.number("_explain"), values):
            break
        await page.vanish()

    asyncio.run(vanish())
    until = time.monotonic() + 10
    while studio.going() and time.monotonic() < until:
        time.sleep(0.1)
    assert studio.going() == 0


def test_the_queue_is_told(studio):
    told = requests.get(f"{studio.address}/api/queue", timeout=60).json()
    assert set(told) == {"waiting", "running", "people", "seconds"}


def test_a_team_logs_in_at_its_provider():
    provider = Provider()
    settings = {
        "STUDIO_MODE": "team", "STUDIO_OPENID_ISSUER": provider.issuer,
        "STUDIO_OPENID_CLIENT": CLIENT, "STUDIO_OPENID_SECRET": SECRET,
        "STUDIO_ADMINISTRATORS": "ada",
    }  # fmt: skip
    with demo_studio(0.0, **settings) as running, requests.Session() as browser:
        assert requests.get(f"{running.address}/api/bundles", timeout=60).status_code == 401
        page = browser.get(running.address, headers={"Accept": "text/html"}, timeout=60)
        assert page.status_code == 200, page.text[:300]
        assert [reply.url.split("?")[0].rpartition("/")[2] for reply in page.history] == [
            "", "login", "authorize", "auth",
        ]  # fmt: skip
        assert "gradio" in page.text
        assert browser.get(f"{running.address}/api/bundles", timeout=60).ok
        metrics = browser.get(
            f"{running.address}/metrics", timeout=60, headers={"X-Forwarded-For": "9.9.9.9"}
        )
        assert metrics.ok, "Ada administers it"
        browser.get(f"{running.address}/logout", timeout=60, allow_redirects=False)
        assert browser.get(f"{running.address}/api/bundles", timeout=60).status_code == 401
    provider.server.should_exit = True
