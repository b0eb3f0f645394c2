"""The whole journey on one screen, by one click, and by keyboard alone."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_journey import choose_example, expect_source, run, wait_for_answer

pytestmark = pytest.mark.browser

JOURNEY = [
    "#sentence", "#status", "#run", "#factual canvas", "#counterfactual .view", ".heatmaps",
    "#facts .facts",
]  # fmt: skip


def bottoms(page):
    """Where each part of the journey ends, in pixels from the top of the window."""
    return {
        part: page.locator(part).evaluate("node => node.getBoundingClientRect().bottom")
        for part in JOURNEY
    }


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
def test_nothing_of_the_journey_needs_scrolling(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    choose_example(page)
    run(page)
    wait_for_answer(page)
    expect(page.locator("#facts .fact")).to_have_count(4)
    assert page.evaluate("scrollY") == 0
    assert {part: y for part, y in bottoms(page).items() if y > size[1]} == {}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sides = page.evaluate(
        "[...document.querySelectorAll('#panes .view')].map((view) => view.getBoundingClientRect())"
        ".filter((box) => box.width).map((box) => [Math.round(box.width), Math.round(box.top)])"
    )
    assert len(sides) == 3
    assert len(set(map(tuple, sides))) == 1, "of one size, side by side"


def test_a_worked_example_is_one_click(page):
    page.set_viewport_size({"width": 1366, "height": 768})
    expect(page.locator("#worked button")).to_have_count(3)
    page.locator("#worked button").nth(1).click()
    wait_for_answer(page)
    expect_source(page, "auto")
    assert "%" in page.locator("#factual .area").inner_text(), "the region is on the canvas, too"
    expect(page.locator("#welcome")).to_be_hidden()


def test_from_the_top_to_an_answer_by_keyboard(page):
    page.keyboard.press("Tab")
    expect(page.locator("#skip button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#worked button").first).to_be_focused()
    page.keyboard.press("Enter")
    wait_for_answer(page)
    page.locator("#run").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#frame img.frame")
    wait_for_answer(page)
    expect(page.locator("#run")).to_be_focused()


def test_all_panes_zoom_together(page):
    choose_example(page)
    run(page)
    wait_for_answer(page)
    view = page.locator("#counterfactual .view").bounding_box()
    page.mouse.move(view["x"] + view["width"] / 2, view["y"] + view["height"] / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    shown = page.evaluate(
        "[...document.querySelectorAll('#panes .zoomed')].filter((node) => node.offsetParent)"
        ".map((node) => node.getBoundingClientRect().width)"
    )
    assert len(shown) == 3
    assert max(shown) - min(shown) < 1
    assert shown[0] > 2 * view["width"]


def test_bundles_are_cards(page):
    cards = page.locator("#bundle-cards button")
    assert cards.count() >= 4
    photographs = page.locator("#bundle-cards [data-bundle=photos]")
    assert "fetches" in photographs.inner_text()
    page.locator("#bundle-cards [data-bundle=objects]").click()
    page.wait_for_function("document.querySelector('#bundle input').value === 'Objects'")
