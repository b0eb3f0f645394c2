"""From the list of what the model gets wrong to what would make it right, at one click."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import visited
from tests.browser.test_journey import choose_method

pytestmark = pytest.mark.browser


def test_a_mistake_is_explained_at_one_click(browser, address):
    with visited(browser, address) as page:
        choose_method(page, "LeapFactual")
        page.locator("#mistakes button").first.click()
        page.locator("#look-for-mistakes").click()
        found = page.locator("#mistakes-found button")
        expect(found.first).to_be_visible()
        expect(page.locator("#mistakes-found")).to_contain_text("of 1000 test pictures")
        told = found.first.inner_text()
        shows, said = re.fullmatch(r"(\d), called (\d)", told.strip()).groups()
        assert shows != said
        found.first.click()
        expect(page.locator("#target input")).to_have_value(shows)
        expect(page.locator("#sentence")).to_contain_text(f"instead of {said}")
        expect(page.locator("#status")).to_contain_text("Flipped", ignore_case=True)
        expect(page.locator("#facts .fact")).to_have_count(4)
