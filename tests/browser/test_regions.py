"""How regions are drawn, joined, offered, changed and told."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from backends import imaging
from backends.regions.spec import RegionSpec
from backends.service.regions import mask_of
from studio.ui.shared import canvas, shortcuts
from tests.browser.conftest import send
from tests.browser.test_journey import expect_source

pytestmark = pytest.mark.browser

SIDE = 32
HALF = np.zeros((SIDE, SIDE), np.uint8)
HALF[: SIDE // 2] = 255


@pytest.fixture
def drawn(board):
    """A canvas with a picture."""
    send(board, canvas.scene(Image.new("L", (SIDE, SIDE)), of="one", clickable=True))
    return board


def mask(board):
    url = board.evaluate("window.regionCanvas.mask()")
    if not url:
        return np.zeros((SIDE, SIDE), bool)
    return np.asarray(Image.open(io.BytesIO(canvas.from_data_url(url))).convert("L")) > 127


def story(board):
    return board.evaluate("window.regionCanvas.story()")


def told(board):
    """The mask that the story tells, drawn by the command line's own rules."""
    return (
        mask_of("digits", np.zeros((SIDE, SIDE, 1), np.uint8), RegionSpec.parse(story(board))) > 0
    )


def offer(board, source="earlier", text="box:0,0,32,16", over=HALF, **more):
    send(board, canvas.scene(overlay=canvas.Overlay(over, source, text, **more), of="one"))


def use(board, selector):
    board.locator(selector).dispatch_event("click")


def at(board, x, y):
    """Where on the screen a place of the picture is."""
    seen = board.locator("canvas").bounding_box()
    return seen["x"] + x / SIDE * seen["width"], seen["y"] + y / SIDE * seen["height"]


def drag(board, *places, **how):
    board.mouse.move(*at(board, *places[0]))
    board.mouse.down(**how)
    for place in places[1:]:
        board.mouse.move(*at(board, *place), steps=4)
    board.mouse.up(**how)


def shape(board, kind, *places):
    use(board, f"[data-tool={kind}]")
    if kind == "polygon":
        for place in places:
            board.mouse.click(*at(board, *place))
        board.keyboard.press("Enter")
    else:
        drag(board, *places)


def test_shapes_are_joined_as_their_story_says(drawn):
    shape(drawn, "box", (2, 2), (20, 20))
    assert mask(drawn)[2:21, 2:21].all()
    use(drawn, "[data-how=subtract]")
    shape(drawn, "polygon", (0.9, 0.9), (16, 0.9), (16, 30), (3, 30))
    use(drawn, "[data-how=intersect]")
    shape(drawn, "box", (10, 0), (31, 15))
    use(drawn, "[data-how=add]")
    shape(drawn, "polygon", (20.2, 20.3), (30, 21), (24, 31.5))
    drawn.locator(".pixels").evaluate("node => { node.value = 3; }")
    use(drawn, ".grow")
    use(drawn, ".invert")
    assert " but not polygon:" in story(drawn)
    assert " but only box:10,0,32,16 and polygon:" in story(drawn)
    assert story(drawn).endswith("(grown by 3) (inverted)")
    assert np.array_equal(mask(drawn), told(drawn))
    use(drawn, ".invert")
    assert story(drawn).endswith("(grown by 3)"), "twice is not at all"
    use(drawn, "[data-tool=brush]")
    drag(drawn, (28, 3), (30, 3))
    drag(drawn, (25, 3), (30, 3), button="right")
    assert story(drawn).endswith("(grown by 3) (edited)"), "once for all strokes"
    for _ in range(8):
        use(drawn, ".undo")
    assert (mask(drawn).sum(), story(drawn)) == (19 * 19, "box:2,2,21,21")
    for _ in range(8):
        use(drawn, ".redo")
    assert story(drawn).endswith("(grown by 3) (edited)")


def test_what_is_drawn_by_hand_is_called_painted(drawn):
    shape(drawn, "lasso", (4, 4), (20, 4), (20, 20), (4, 20), (4, 5))
    assert mask(drawn)[6:18, 6:18].all()
    assert story(drawn) == "painted"
    use(drawn, ".grow")
    assert story(drawn) == "painted"
    use(drawn, ".clear")
    assert story(drawn) == ""
    use(drawn, "[data-how=subtract]")
    shape(drawn, "box", (0.9, 0.9), (7, 7))
    assert story(drawn) == "whole but not box:0,0,8,8", "taken away from nothing marked"
    assert np.array_equal(mask(drawn), told(drawn))
    shape(drawn, "brush", (20, 20), (24, 20))
    assert not mask(drawn)[20, 22]
    assert story(drawn) == "whole but not box:0,0,8,8 (edited)"


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_growing_and_polygons_follow_the_rules_of_the_command_line(drawn, pixels):
    rng = np.random.default_rng(pixels)
    scattered = rng.random((SIDE, SIDE)) > 0.93
    offer(drawn, over=imaging.as_bytes(scattered), at_once=True)
    drawn.locator(".pixels").evaluate(f"node => {{ node.value = {pixels}; }}")
    use(drawn, ".grow")
    assert np.array_equal(mask(drawn), imaging.grown(scattered, pixels))
    use(drawn, ".shrink")
    closed = imaging.grown(imaging.grown(scattered, pixels), -pixels)
    assert np.array_equal(mask(drawn), closed)
    use(drawn, ".clear")
    shape(drawn, "polygon", *(rng.random((6, 2)) * 31))
    assert np.array_equal(mask(drawn), told(drawn))


def test_a_polygon_by_keyboard(drawn):
    use(drawn, "[data-tool=polygon]")
    drawn.locator("canvas").focus()
    for keys in ("Space", "Shift+ArrowRight " * 2, "Space", "Shift+ArrowDown " * 2, "Space",
                 "Shift+ArrowRight", "Space", "Backspace"):  # fmt: skip
        for key in keys.split():
            drawn.keyboard.press(key)
    assert not mask(drawn).any(), "it is not closed yet"
    drawn.keyboard.press("Enter")
    assert story(drawn) == "polygon:16,16;24,16;24,24"
    before = mask(drawn)
    drawn.keyboard.press("Space")
    drawn.keyboard.press("Escape")
    drawn.keyboard.press("Enter")
    drawn.keyboard.press("Escape")
    assert np.array_equal(mask(drawn), before)


def test_a_polygon_closes_on_its_first_corner_and_by_a_double_click(drawn):
    use(drawn, "[data-tool=polygon]")
    for place in ((4, 4), (20, 4), (20, 20), (4.2, 4.1)):
        drawn.mouse.click(*at(drawn, *place))
    assert story(drawn) == "polygon:4,4;20,4;20,20"
    for place in ((4, 30), (9, 22)):
        drawn.mouse.click(*at(drawn, *place))
    drawn.mouse.dblclick(*at(drawn, 14, 30))
    assert story(drawn).endswith("and polygon:4,30;9,22;14,30")


def test_what_is_offered_waits_for_apply_or_cancel_and_counts_meanwhile(drawn):
    shape(drawn, "box", (0.9, 0.9), (15, 31))
    bar, left = drawn.locator(".proposal"), mask(drawn)
    offer(drawn, "words", "text:cat")
    assert bar.is_visible()
    assert story(drawn) == "box:0,0,16,32 and text:cat"
    assert np.array_equal(mask(drawn), left | (HALF > 0))
    assert drawn.locator(".area").inner_text().startswith("75.0 %")
    for how, words, expected in (
        ("subtract", " but not text:cat", left & (HALF == 0)),
        ("intersect", " but only text:cat", left & (HALF > 0)),
    ):
        bar.locator(".how").select_option(how)
        assert story(drawn) == "box:0,0,16,32" + words
        assert np.array_equal(mask(drawn), expected)
    bar.locator(".cancel").click()
    assert not bar.is_visible()
    assert (story(drawn), mask(drawn).sum()) == ("box:0,0,16,32", left.sum())
    use(drawn, ".undo")
    assert bar.is_visible(), "what was cancelled comes back"
    bar.locator(".apply").click()
    assert story(drawn) == "box:0,0,16,32 but only text:cat"
    offer(drawn, "auto", "auto:area=0.5")
    assert story(drawn) == "auto:area=0.5", "the model's region replaces, unless asked otherwise"
    shape(drawn, "box", (0.9, 20), (3, 23))
    assert not bar.is_visible(), "who paints on takes it"
    assert story(drawn) == "auto:area=0.5 and box:0,20,4,24"


def test_of_a_region_that_was_put_together_no_part_is_told_for_the_whole(drawn):
    shape(drawn, "box", (0.9, 0.9), (15, 31))
    offer(drawn, text="text:cat and box:0,0,4,4")
    assert story(drawn) == "text:cat and box:0,0,4,4"
    drawn.locator(".proposal .how").select_option("subtract")
    assert story(drawn) == "box:0,0,16,32 but not painted"


def test_drawing_hits_its_pixels_under_zoom_and_leaves_zooming_gestures_alone(drawn):
    zoomed = "transform-origin: 0 0; transform: translate(-60px, 20px) scale(1.7)"
    drawn.locator("canvas").evaluate("(node, style) => { node.style = style; }", zoomed)
    drawn.locator(".size").evaluate(
        "node => { node.value = 4; node.dispatchEvent(new Event('input')); }"
    )
    shape(drawn, "brush", (10, 12))
    rows, columns = np.nonzero(mask(drawn))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 13, 8, 11)
    before = mask(drawn)
    drag(drawn, (18, 20), (25, 20), button="middle")
    drawn.keyboard.down("Space")
    drag(drawn, (18, 20), (25, 20))
    drawn.keyboard.up("Space")
    assert np.array_equal(mask(drawn), before)
    assert drawn.locator("canvas").evaluate(
        "node => node.dispatchEvent(new WheelEvent('wheel', {bubbles: true, cancelable: true}))"
    ), "the wheel is not taken"


def test_a_second_finger_takes_the_stroke_back(drawn):
    x, y = at(drawn, 10, 10)
    drawn.locator("canvas").evaluate(
        """(node, [x, y]) => {
          node.setPointerCapture = () => {};
          const send = (kind, id, isPrimary, dx) => node.dispatchEvent(new PointerEvent(kind, {
            pointerId: id, isPrimary, clientX: x + dx, clientY: y, pointerType: "touch",
          }));
          send("pointerdown", 1, true, 0); send("pointermove", 1, true, 30);
          send("pointerdown", 2, false, 90);
          send("pointermove", 1, true, 60); send("pointerup", 1, true, 60);
        }""",
        [x, y],
    )
    assert not mask(drawn).any()


# ---------------------------------------------------------------------- on the page


def choose_example(page):
    page.locator("#examples button").nth(8).click()
    page.wait_for_selector(".region-canvas.ready")


def test_every_key_of_the_table_is_one_that_works(page):
    choose_example(page)
    page.locator("#page-title").click()
    for key, (selectors, _) in shortcuts.SHORTCUTS.items():
        if not selectors.startswith("#factual [") and key not in ("[", "]", "m"):
            continue
        node = page.locator(selectors.split(", ")[0])
        node.evaluate(
            "node => node.addEventListener('click', () => { window.pressed = node.outerHTML; })"
        )
        page.keyboard.press(key)
        assert page.evaluate("window.pressed") == node.evaluate("node => node.outerHTML"), key
        assert f"({key.upper()})" in node.get_attribute("title")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+?")
    sheet = page.locator("#shortcuts")
    sheet.get_by_text("Lasso").wait_for()
    page.keyboard.press("b")
    assert page.locator("[data-tool=polygon]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    sheet.wait_for(state="hidden")


def test_an_applied_proposal_the_record_and_the_same_region_again(page):
    choose_example(page)
    page.keyboard.press("p")
    page.locator("#factual .proposal").wait_for()
    page.locator("#region-source input[value=auto]").focus()
    page.keyboard.press("Enter")
    page.locator("#factual .proposal").wait_for(state="hidden")
    expect_source(page, "painted")
    page.keyboard.press("Shift+?")  # keys of the page behind the dialog rest
    page.keyboard.press("i")
    page.keyboard.press("Escape")
    page.keyboard.press(".")
    area = page.locator("#factual .area").inner_text()
    page.locator("#run").click()
    page.wait_for_selector("#counterfactual .compare", timeout=90_000)
    with page.expect_download() as download:
        page.locator("#download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        source = json.loads(archive.read("result.json"))["region"]["source"]
    assert source.startswith("auto:")
    assert source.endswith(" (grown by 1)")
    page.keyboard.press("Delete")
    assert page.locator("#factual .area").inner_text() == "nothing marked"
    page.keyboard.press("m")
    page.get_by_role("button", name="Last run’s region").click()
    page.wait_for_function(
        "text => document.querySelector('#factual .area').innerText === text", arg=area
    )
    page.keyboard.press("Escape")
    assert page.locator("#factual .area").inner_text() == "nothing marked"
    expect_source(page, "whole")
