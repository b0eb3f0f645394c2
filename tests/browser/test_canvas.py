"""The region canvas by itself: scenes that come late."""

import numpy as np
import pytest
from PIL import Image

from studio.ui.shared import canvas
from tests.browser.conftest import send

pytestmark = pytest.mark.browser

SIDE = 16


def shown(of):
    return canvas.scene(Image.new("L", (SIDE, SIDE)), of=of, clickable=True)


def overlay(of, source, count=0):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[: SIDE // 2] = 255
    return canvas.scene(overlay=canvas.Overlay(mask, source, "found", count=count), of=of)


def click(board):
    board.locator("[data-tool=include]").dispatch_event("click")
    board.locator("canvas").click(position={"x": 50, "y": 50})


@pytest.mark.parametrize("source", ["words", "auto"])
def test_what_was_found_in_the_picture_before_is_not_laid(board, source):
    send(board, shown("one"))
    assert send(board, overlay("one", source)) == "50.0 % of the picture marked"
    assert send(board, shown("two")) == "nothing marked"
    assert send(board, overlay("one", source)) == "nothing marked"
    assert (
        send(board, overlay("one", source), shown("three"), overlay("two", source))
        == "nothing marked"
    )
    assert send(board, overlay("three", source)) == "50.0 % of the picture marked"
    assert send(board, canvas.scene(empty=True), overlay("three", source)) == "nothing marked"


def test_a_click_is_answered_for_its_own_picture_only(board):
    send(board, shown("one"), shown("two"))
    click(board)
    points = board.evaluate("window.regionCanvas.clicks()")
    assert points != "[]"
    send(board, canvas.scene(refused=1, of="one"))
    assert board.evaluate("window.regionCanvas.clicks()") == points, "it was not this click"
    assert send(board, overlay("one", "clicks", 1)) == "nothing marked"
    assert send(board, overlay("two", "clicks", 1)) == "50.0 % of the picture marked"


def test_a_mask_file_goes_to_python_as_it_is_and_comes_back(board, tmp_path):
    send(board, shown("one"))
    (tmp_path / "mask.tif").write_bytes(b"any bytes")
    board.locator("input[type=file]").set_input_files(str(tmp_path / "mask.tif"))
    board.wait_for_function("window.regionCanvas.brought()[1] === 'one'")
    assert canvas.file_of(board.evaluate("window.regionCanvas.brought()[0]")) == b"any bytes"
    assert board.evaluate("window.regionCanvas.brought()[2]") == "mask.tif"
    assert send(board, overlay("one", "file")) == "50.0 % of the picture marked"
    send(board, canvas.scene(of="one", message="The mask is empty."))
    assert board.locator(".message").inner_text() == "The mask is empty."
    assert board.evaluate("window.regionCanvas.story()") == "found"
