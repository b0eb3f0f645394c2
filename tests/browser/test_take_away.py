"""Taking away what the page shows, and reading it elsewhere."""

import pytest

from tests.browser.test_journey import choose_example, run, wait_for_answer

pytestmark = pytest.mark.browser


def test_a_report_opens_by_itself_and_asks_for_nothing(page, browser, tmp_path):
    choose_example(page)
    run(page)
    wait_for_answer(page)
    page.locator("#take-away > button").click()
    with page.expect_download() as download:
        page.locator("#take-away-html").click()
    report = tmp_path / download.value.suggested_filename
    download.value.save_as(report)
    page.locator("#take-away-status .success").wait_for()
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844})
        reader, asked, faults = context.new_page(), [], []
        reader.on("request", lambda request, asked=asked: asked.append(request.url))
        reader.on("console", lambda message, faults=faults: faults.append(message.text))
        reader.goto(report.as_uri())
        assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
        assert faults == []
        assert "instead of" in reader.locator("h1").inner_text()
        assert reader.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
        assert reader.evaluate("document.documentElement.scrollWidth") == 390
        context.close()


def test_code_is_copied(page):
    choose_example(page)
    run(page)
    wait_for_answer(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#take-away > button").click()
    page.locator("#take-away-code summary", has_text="Command line").click()
    page.get_by_role("button", name="Copy: Command line").click()
    page.get_by_text("Copied", exact=True).wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("python -m studio explain factual.png --bundle digits")
