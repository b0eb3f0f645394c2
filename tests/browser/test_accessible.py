"""No serious or critical violation of ours on any tab, light and dark, before and after results."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PATIENCE
from tests.browser.test_journey import open_compare, wait_for_answer

pytestmark = pytest.mark.browser
# Gradio names its "nothing is here yet" by an attribute that a plain div may not have.
GRADIOS = {("aria-prohibited-attr", ".empty")}


def violations(page: Page) -> list[str]:
    page.wait_for_timeout(600)  # colours fade in
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {node['html']}"
        for one in found if one["impact"] in ("serious", "critical")
        for node in one["nodes"] if (one["id"], node["target"][0]) not in GRADIOS
    ]  # fmt: skip


def unfold_all(page: Page) -> None:
    """Open every accordion that can be seen."""
    page.evaluate(
        "document.querySelectorAll('.gr-accordion > button:not(.open)')"
        ".forEach((button) => button.offsetParent && button.click())"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_can_be_used_by_everybody(browser: Browser, address: str, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": 1366, "height": 768}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("#examples img")
    found = {"empty": violations(page)}
    page.locator("#worked-0").click()
    wait_for_answer(page)
    found["answered"] = violations(page)
    unfold_all(page)
    found["unfolded"] = violations(page)
    for tab in page.locator("#further [role=tab]:visible").all():
        tab.click()
        found[tab.inner_text()] = violations(page)
    for name in ("Upload", "Draw"):
        page.get_by_role("tab", name=name).click()
        found[name] = violations(page)
    open_compare(page)
    found["compare"] = violations(page)
    for box in page.locator("#compare-methods label").all():
        box.locator("input").set_checked(box.inner_text().strip() == "LeapFactual")
    page.locator("#compare-run").click()
    page.wait_for_selector("#compare-table table")
    found["compared"] = violations(page)
    for name in ("Label", "Your own pictures"):
        page.get_by_role("tab", name=name).click()
        unfold_all(page)
        found[name] = violations(page)
    page.keyboard.press("?")
    page.locator("#shortcuts[open]").wait_for()
    found["shortcuts"] = violations(page)
    context.close()
    assert {place: ours for place, ours in found.items() if ours} == {}
