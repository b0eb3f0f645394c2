"""The Label tab on one screen: many pictures at once, invitations, guidelines."""

import pytest
from playwright.sync_api import expect

from studio.labels.store import projects, responses
from studio.labels.store.database import Database, usual_place
from tests.browser.conftest import open_accordion, visited
from tests.browser.test_label_journey import all_saved, make, own_class, state

pytestmark = pytest.mark.browser
# What a person needs for an answer, and how far down it reaches.
LOWEST = """Math.max(...["#label-choices", "#label-undo", "#label-progress", "#grid-choices",
  "#grid-undo", ".labelling .stage"].flatMap((name) => [...document.querySelectorAll(name)])
  .filter((node) => node.offsetParent).map((node) => node.getBoundingClientRect().bottom))"""
ROWS = """Object.values(Object.groupBy([...document.querySelectorAll("#label-choices button")],
  (button) => button.offsetTop)).map((row) => row.length)"""
SMALL = """[...document.querySelectorAll(".labelling button, .labelling input, .who summary")]
  .filter((node) => node.offsetParent && node.getBoundingClientRect().height < 44)
  .map((node) => node.outerHTML)"""


def stored(name):
    database = Database(usual_place())
    found = responses.standing(database, projects.find(database, name))
    database.close()
    return found


def many(page):
    """Turn to the grid; wait for its pictures."""
    page.locator("[data-mode=many]").click()
    page.wait_for_function("window.labelling.state().grid > 30")


def test_everything_of_an_answer_is_on_the_screen(page):
    make(page, "fits", "Ann")
    for width, height in ((1366, 768), (1366, 850), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("window.scrollTo(0, 0)")
        for mode in ("many", "one"):
            page.locator(f"[data-mode={mode}]").click()
            page.wait_for_timeout(700)
            assert page.evaluate(LOWEST) <= height, (width, height, mode)
        assert min(page.evaluate(ROWS)) > 1
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(700)
    assert min(page.evaluate(ROWS)) > 1
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    top = page.locator(".labelling .one .stage").bounding_box()["y"]
    below = page.locator("#label-undo").bounding_box()
    assert below["y"] + below["height"] - top < 844, "picture and answers fit a phone together"


def test_all_of_these_are_sevens(page):
    make(page, "bulk", "Ann")
    many(page)
    tiles = page.locator("#label-grid [role=option]")
    tiles.nth(1).click()
    tiles.nth(4).click(modifiers=["Shift"])
    page.keyboard.press("ArrowRight")  # goes on without choosing
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    chosen = state(page)["chosen"]
    assert len(chosen) == 5
    page.keyboard.press("7")
    all_saved(page)
    given = stored("bulk")
    assert {r.item_id for r in given} == set(chosen)
    assert {(r.value, r.state, r.via) for r in given} == {("7", "submitted", "grid")}
    assert len({r.seconds for r in given}) == 1
    assert 0 < given[0].seconds < 30
    assert tiles.count() == state(page)["grid"] == 35, "the page stays as it is"
    page.keyboard.press("z")
    all_saved(page)
    page.wait_for_function("window.labelling.state().grid === 40")
    assert {r.state for r in stored("bulk")} == {"draft"}
    first = page.evaluate(
        "[...document.querySelectorAll('#label-grid [role=option]')].map((t) => +t.dataset.id)"
    )
    assert set(chosen) <= set(first), "they are asked about again"
    page.locator("[data-grid=all]").click()
    page.locator("#grid-choices button").nth(3).click()
    all_saved(page)
    assert sum(r.value == "3" for r in stored("bulk")) == 40
    page.wait_for_function("window.labelling.state().grid === 40")  # the next page


def test_a_link_a_code_and_guidelines(browser, address, page):
    make(page, "by link", "Ann")
    open_accordion(page.locator("#guidelines > .label-wrap, #guidelines > button").first)
    page.locator("#guidelines-text textarea").fill("**Sevens** may have a bar <img src=x>")
    page.locator("#guidelines-save").click()
    page.wait_for_selector("#guidelines-status .success")
    open_accordion(page.locator("#invite > .label-wrap, #invite > button").first)
    page.locator("#invitation-make").click()
    link = page.locator("#invitation-link input").input_value()
    assert link.startswith(f"{address}/?project=by+link&invitation=")
    with visited(browser, address) as bob:
        bob.goto(link)
        who = bob.locator("#label-who")
        expect(who).to_contain_text("You are invited to the project “by link”")
        bob.locator("#label-name").get_by_role("textbox").fill("Bob")
        bob.locator("#label-join").click()
        bob.wait_for_selector(".labelling:not(.closed) #label-image[src]")
        code = bob.locator("#label-who input")
        assert code.is_visible()
        assert len(code.input_value()) > 20
        item = state(bob)["shown"]
        for telling in ("_000", f"{own_class(item)}_"):
            assert telling not in bob.locator(".labelling").inner_html()
        bob.keyboard.press("g")
        bob.wait_for_selector("dialog.guide[open]")
        assert bob.inner_text("dialog.guide .text") == "Sevens may have a bar <img src=x>"
        assert bob.inner_text("dialog.guide strong") == "Sevens"
        assert bob.locator("dialog.guide .text img").count() == 0
        bob.keyboard.press("7")  # behind the guidelines: nothing is answered
        bob.keyboard.press("Escape")
        assert state(bob)["shown"]["id"] == item["id"]
