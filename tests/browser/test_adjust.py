"""An uploaded picture is turned, cropped and made black and white before the model sees it."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from backends import bundles
from tests.browser.test_journey import drag, run, status, upload, wait_for_answer

pytestmark = pytest.mark.browser


def photograph(folder):
    """A seven on paper, lying on its side, beside something darker than its ink."""
    bundle = bundles.get("digits")
    seven = next(e for e in bundle.own.examples if e.label == "7")
    ink = Image.open(bundle.folder / seven.file).convert("L").resize((280, 280))
    paper = np.full((400, 700), 215.0)
    paper[60:340, 40:320] -= np.rot90(np.asarray(ink), 1) * 0.5
    paper[:, 480:] = 20
    Image.fromarray(paper.astype(np.uint8)).save(folder / "paper.png")
    return folder / "paper.png"


def test_turned_cropped_and_thresholded(page, tmp_path):
    upload(page, photograph(tmp_path))
    panel = page.locator("#adjust details")
    panel.locator("summary").click()
    panel.get_by_role("button", name="Turn right").click()
    drag(
        page, page.locator("#adjust canvas"), 0.03, 0.02, 0.97, 0.62
    )  # what is at the left is at the top now
    slider = panel.get_by_role("slider")
    slider.fill("150")
    expect(panel.locator("output")).to_have_text("150")
    panel.get_by_role("button", name="Use it so").click()
    page.wait_for_function("document.querySelector('#prediction h2')?.innerText.trim() === '7'")
    run(page)
    wait_for_answer(page)
    assert "the model said “7”" in status(page)
    page.get_by_role("tab", name="Examples").click()
    page.locator("#examples button").first.click()
    page.wait_for_function("document.querySelector('#prediction h2')?.innerText.trim() === '0'")


def test_the_frame_is_moved_by_keys(page, tmp_path):
    upload(page, photograph(tmp_path))
    page.locator("#adjust summary").click()
    sheet = page.locator("#adjust canvas")
    drag(page, sheet, 0.1, 0.1, 0.5, 0.5)
    sheet.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.get_by_role("button", name="Use it so").click()
    left, top, right, bottom = page.evaluate("window.adjustment.box")
    assert [round(v, 2) for v in (left, top)] == [0.12, 0.1]
    assert [round(v, 2) for v in (right, bottom)] == [0.52, 0.52]
