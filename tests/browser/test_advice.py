"""Advice on the page: a picture that does not belong, which method, facts, nearest pictures."""

import pytest
from PIL import Image
from playwright.sync_api import expect
from skimage import data

from tests.browser.conftest import visited
from tests.browser.test_journey import choose_method

pytestmark = pytest.mark.browser


def test_from_the_picture_to_what_the_answer_is_worth(browser, address):
    with visited(browser, address) as page:
        page.locator("#examples button").nth(8).click()
        expect(page.locator("#prediction")).to_contain_text("%")
        page.locator("#which-method button").first.click()
        page.get_by_label("A quick answer").check()
        best = page.locator("#take-method")
        expect(best).to_have_text("Take LeapFactual")
        expect(page.locator("#method-advice li").first).to_contain_text("among the quick ones")
        page.get_by_label("A quick answer").uncheck()
        page.get_by_label("Several answers").check()
        expect(best).to_have_text("Take LDCE")
        best.click()
        expect(page.locator("#method input")).to_have_value("LDCE")
        choose_method(page, "LeapFactual")
        page.locator("#run").click()
        facts = page.locator("#facts .fact")
        expect(facts).to_have_count(4)
        facts.nth(1).locator("summary").click()
        expect(facts.nth(1)).to_contain_text("a classifier that no method ever sees")
        expect(page.locator("#nearest img")).to_have_count(3)
        expect(page.locator("#nearest")).to_contain_text("From the bundle’s pictures")
        expect(page.locator("#picture-note li")).to_have_count(0)


def test_the_astronaut_is_told_before_any_run(browser, address, tmp_path):
    file = tmp_path / "astronaut.png"
    Image.fromarray(data.astronaut()).save(file)
    with visited(browser, address) as page:
        page.get_by_role("tab", name="Upload").click()
        page.locator("#upload input[type=file]").set_input_files(file)
        note = page.locator("#picture-note")
        expect(note).to_contain_text("Your picture does not look like those that the model knows")
        expect(note).to_contain_text("Compared with 1000 real ones")
