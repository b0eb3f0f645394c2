"""The page in the language of the browser: a German visitor and an English one, at once."""

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser


@contextmanager
def visitor(browser, address, locale):
    """A page of a browser that is set to a language, which reports no error."""
    context = browser.new_context(locale=locale, viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#examples img")
    yield page
    context.close()
    assert faults == []


def answer(page):
    """Run the first question that the page offers."""
    page.click("#worked-0")
    expect(page.locator("#facts .fact")).to_have_count(4)


def test_german_and_english_at_once(browser, address):
    with (
        visitor(browser, address, "de-DE") as german,
        visitor(browser, address, "en-US") as english,
    ):
        assert german.evaluate("document.documentElement.lang") == "de"
        assert english.evaluate("document.documentElement.lang") == "en"
        # Both are under way at the same time.
        german.click("#worked-0")
        english.click("#worked-0")
        for page in (german, english):
            expect(page.locator("#facts .fact")).to_have_count(4)
        expect(german.locator("#status")).to_contain_text("Das Modell sagte")
        expect(german.locator("#facts")).to_contain_text("Ist die Antwort umgeschlagen?")
        expect(english.locator("#status")).to_contain_text("the model said")
        expect(english.locator("#facts")).to_contain_text("Did the answer flip?")
        german.get_by_role("button", name="Einstellungen des Verfahrens").click()
        expect(german.get_by_label("Mischsprünge").first).to_be_visible()
        english.get_by_role("button", name="Settings of the method").click()
        expect(english.get_by_label("Blending leaps").first).to_be_visible()


def test_an_error_is_german(browser, address):
    with visitor(browser, address, "de-AT") as page:
        page.get_by_role("tab", name="Labeln").click()
        page.locator("#label-join button, button#label-join").first.click()
        toast = page.locator(".toast-body")
        expect(toast).to_contain_text("zuerst", ignore_case=True)


def test_scripts_speak_german(browser, address):
    with visitor(browser, address, "de") as page:
        answer(page)
        expect(page.locator("#factual .area")).to_have_text("nichts markiert")
        page.click("#factual .more")
        page.click("#factual .save")
        expect(page.locator("#factual .message")).to_have_text(
            "Es gibt nichts zu speichern: zuerst einen Bereich markieren."
        )
