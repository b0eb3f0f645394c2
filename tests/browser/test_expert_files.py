"""An expert's file in Chromium: its page, its window, and what was done with its values."""

import numpy as np
import pytest
from PIL import Image

from tests.backends.imaging.test_awkward_files import dicom

pytestmark = pytest.mark.browser


def digit(ink=3000, paper=200):
    """A one of 12 bits, bright on dark."""
    values = np.full((120, 100), paper, np.uint16)
    values[25:95, 45:56] = ink
    return values


def test_a_scan_shows_its_page_and_its_window(page, tmp_path):
    page.get_by_role("tab", name="Upload").click()
    (tmp_path / "a.dcm").write_bytes(dicom(np.stack([digit(), digit(2000)]), frames=2, bits=12))
    page.locator("#scan input[type=file]").set_input_files(str(tmp_path / "a.dcm"))
    page.wait_for_selector(".region-canvas.ready")
    page.wait_for_selector("#scan-page >> visible=true")
    assert "Page (of 2)" in page.locator("#scan-page").inner_text()
    assert page.locator("#scan-centre").is_visible()
    assert page.locator("#scan-width").is_visible()
    assert "page 1 of 2" in page.locator("#scan-note").inner_text()
    page.locator("#scan-page input").fill("2")
    page.locator("#scan-page input").press("Enter")
    page.wait_for_function("document.querySelector('#scan-note').innerText.includes('page 2 of 2')")


def test_a_tiff_has_a_preview(page, tmp_path):
    Image.fromarray(digit()).save(tmp_path / "a.tif")
    page.get_by_role("tab", name="Upload").click()
    page.locator("#upload input[type=file]").set_input_files(str(tmp_path / "a.tif"))
    page.wait_for_selector(".region-canvas.ready")
    page.wait_for_function(
        "[...document.querySelectorAll('#upload img')].some(i => i.naturalWidth === 100)"
    )
    assert page.locator("#scan-width").is_visible()
