"""More than one answer to a question, in Chromium: slider, several seeds, all targets, decisions,
and Compare on one screen."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.test_journey import (
    choose_example,
    choose_method,
    choose_target,
    open_compare,
    wait_for_answer,
)
from tests.browser.test_journey import run as press_run

pytestmark = pytest.mark.browser
LONG = 240_000  # ms: as many as ten answers on a busy machine


def unfold(page, tab):
    page.locator("#further > button").click()
    page.locator("#further").get_by_role("tab", name=tab).click()


def ended(page, name):
    page.wait_for_selector(f"#{name}-stop:visible")
    page.wait_for_selector(f"#{name}-run:visible", timeout=LONG)


# Moves the slider at every animation frame for two seconds; frames a second that were drawn.
DRAWN = """async () => {
  const panel = document.querySelector(".live-path"), slider = panel.querySelector("input");
  const start = performance.now();
  let drawn = 0, value = 0, before = null;
  while (performance.now() - start < 2000) {
    await new Promise(requestAnimationFrame);
    slider.value = value++ % (Number(slider.max) + 1);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (panel.dataset.drawn !== before) drawn++;
    before = panel.dataset.drawn;
  }
  return drawn / 2;
}"""


def test_the_picture_follows_the_slider(page):
    choose_example(page)
    choose_target(page, "9")
    unfold(page, "Slider")
    page.locator("#live-run").click()
    page.wait_for_selector(".live-path:not([hidden])", timeout=LONG)
    slider, read = page.locator("#live-path input"), page.locator("#live-path .read")
    assert "the model says “4” · as it is" in read.inner_text()
    first = page.evaluate("document.querySelector('#live-path canvas').toDataURL()")
    slider.focus()
    page.keyboard.press("End")
    assert "P(9) = 100 % · the model says “9” · step 20 of 20" in read.inner_text()
    assert slider.get_attribute("aria-valuetext") == read.inner_text()
    assert page.evaluate("document.querySelector('#live-path canvas').toDataURL()") != first
    page.keyboard.press("ArrowLeft")
    assert "step 19.7 of 20" in read.inner_text()
    expect(page.locator("#live-status")).to_contain_text("of the way on the model says “9”")
    assert page.evaluate(DRAWN) >= 20
    choose_target(page, "7")
    expect(page.locator("#live-status")).to_contain_text("another question")
    choose_example(page, 0)
    expect(page.locator(".live-path")).to_be_hidden()


def test_every_class_at_once_and_a_cell_chooses_its_target(page):
    choose_example(page)
    unfold(page, "All targets")
    page.locator("#targets-run").click()
    ended(page, "targets")
    cells = page.locator("#targets-grid button.cell")
    names = [cell.get_attribute("data-target") for cell in cells.all()]
    assert names == [digit for digit in "0123456789" if digit != "4"]
    # LeapFactual's reliable answer and its standard one.
    assert page.locator("#targets-grid button.cell img").count() == 18
    seven = page.locator("#targets-grid [data-target='7']")
    assert "model: 7" in seven.inner_text()
    assert "oracle:" in seven.inner_text()
    seven.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#target input")).to_have_value("7")


def test_several_answers_and_their_spread(page):
    choose_example(page)
    choose_target(page, "9")
    unfold(page, "Several answers")
    expect(page.locator("#vary-about")).to_contain_text("LeapFactual draws nothing")
    expect(page.locator("#vary input")).to_have_value("Blending step size")
    choose_method(page, "LDCE")
    expect(page.locator("#vary input")).to_have_value("Seed")
    expect(page.locator("#vary-about")).not_to_contain_text("draws nothing")
    page.locator("#vary-count input[type=number]").fill("3")
    page.locator("#vary-count input[type=number]").press("Tab")
    page.locator("#variations-run").click()
    ended(page, "variations")
    grid = page.locator("#variations-grid")
    assert grid.locator("figure.cell img").count() == 3
    assert [c.inner_text() for c in grid.locator(".cell strong").all()] == [
        "seed 0", "seed 1", "seed 2",
    ]  # fmt: skip
    expect(grid.locator(".spread table")).to_contain_text("Target's probability")
    assert " ± " in grid.locator(".spread table").inner_text()
    choose_method(page, "RCSB")
    expect(page.locator("#variations-status")).to_contain_text("earlier question: 9 by ldce")


def test_an_answer_is_accepted_then_discarded(page, choices):
    choose_example(page)
    choose_target(page, "9")
    page.locator("#decision > button").click()
    page.locator("#decision-accept").click()
    expect(page.locator("#decision-status")).to_contain_text("press Run first")
    press_run(page)
    wait_for_answer(page)
    page.locator("#decision-note textarea").fill("the top closes")
    page.locator("#decision-accept").click()
    expect(page.locator("#decision-status")).to_contain_text("Accepted")
    page.locator("#decision-discard").click()
    expect(page.locator("#decision-status")).to_contain_text("Discarded")
    lines = [json.loads(line) for line in choices.read_text().splitlines()]
    mine = [line for line in lines if line.get("note") == "the top closes"]
    assert [line["decision"] for line in mine] == ["accepted", "discarded"]
    press_run(page)  # another answer, of which nothing is decided yet
    wait_for_answer(page)
    expect(page.locator("#decision-status")).to_contain_text("convince you")


def test_question_and_first_answers_of_compare_are_on_one_screen(page):
    page.set_viewport_size({"width": 1366, "height": 768})
    choose_example(page)
    choose_target(page, "9")
    open_compare(page)
    page.locator("#compare-question").get_by_text("“9”").wait_for()
    for box in page.locator("#compare-methods label").all():
        box.locator("input").set_checked(box.inner_text().strip() in ("LeapFactual", "LDCE"))
    page.locator("#compare-seeds input, #compare-seeds textarea").fill("0-2")
    page.locator("#compare-run").click()
    page.wait_for_selector("#compare-table tfoot", timeout=LONG)
    expect(page.locator("#compare-note")).to_contain_text("LeapFactual draws nothing")
    assert page.locator("#compare-columns figure:visible").count() == 1 + 1 + 3
    assert "LDCE, mean ± SD" in page.locator("#compare-table tfoot").inner_text()
    page.evaluate("scrollTo(0, 0)")
    for place in ("#compare-question img", "#compare-run", "#compare-columns .verdict .badge"):
        box = page.locator(place).first.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 768, place


def test_answers_go_with_their_bundle_and_are_marked_with_their_question(page):
    choose_example(page)
    choose_target(page, "9")
    open_compare(page)
    for box in page.locator("#compare-methods label").all():
        box.locator("input").set_checked(box.inner_text().strip() == "LeapFactual")
    page.locator("#compare-run").click()
    page.wait_for_selector("#compare-table table", timeout=LONG)
    page.locator("#compare-change").click()
    choose_target(page, "7")
    open_compare(page)
    expect(page.locator("#compare-status")).to_contain_text("an earlier question (9)")
    if page.locator("#bundle:visible").count():
        page.locator("#bundle input").click()
        page.locator("#bundle [role=option]").last.click()
        expect(page.locator("#compare-columns figure:visible")).to_have_count(0)
        assert page.locator("#compare-table table").count() == 0
