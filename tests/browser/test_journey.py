"""The whole journey in Chromium, as a person makes it."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from tests.browser.conftest import open_accordion

pytestmark = pytest.mark.browser


def photograph(tmp_path, name="four.jpg"):
    """A four in blue ink on yellowish paper, off centre, turned by its EXIF tag."""
    picture = Image.new("RGB", (640, 480), (236, 228, 205))
    draw = ImageDraw.Draw(picture)
    draw.line([(300, 90), (230, 250), (390, 250)], fill=(40, 50, 130), width=22)
    draw.line([(360, 110), (350, 400)], fill=(40, 50, 130), width=22)
    exif = Image.Exif()
    exif[274] = 6  # shown turned by 90 degrees clockwise
    picture.rotate(90, expand=True).save(tmp_path / name, exif=exif)
    return tmp_path / name


def upload(page, path):
    page.get_by_role("tab", name="Upload").click()
    page.locator("#upload input[type=file]").set_input_files(str(path))


def choose_example(page, index=8):  # two of each class in order: the first four
    page.locator("#examples button").nth(index).click()
    page.wait_for_selector(".region-canvas.ready")


def drag(page, canvas, x0, y0, x1, y1):
    """Press at one place of a canvas, and let go at another; in shares of its sides."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + x0 * box["width"], box["y"] + y0 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + x1 * box["width"], box["y"] + y1 * box["height"], steps=12)
    page.mouse.up()


def paint(page, x0=0.3, y0=0.15, x1=0.7, y1=0.45):
    drag(page, page.locator("#factual canvas"), x0, y0, x1, y1)


def area(page):
    return page.locator("#factual .area").inner_text()


def expect_source(page, name):
    expect(page.locator("#region-source input:checked")).to_have_attribute("value", name)


def choose_target(page, name):
    box = page.locator("#target input")
    box.click()
    box.press("Control+a")
    box.press_sequentially(name)  # the list heeds keys alone
    page.locator("#target [role=option]").get_by_text(name).first.click()


def choose_method(page, title):
    page.locator("#method input").click()
    page.locator(f'#method [role=option][aria-label="{title}"]').click()


def methods_offered(page):
    page.locator("#method input").click()
    options = page.locator("#method [role=option]").all()
    titles = [option.get_attribute("aria-label") for option in options]
    page.locator("#method input").blur()
    expect(page.locator("#method [role=option]")).to_have_count(0)
    return titles


def run(page):
    page.locator("#run").click()


def wait_for_answer(page):
    page.wait_for_selector("#counterfactual .compare", timeout=90_000)
    page.wait_for_selector("#run:visible")


def numbers_of(page):
    """All the numbers of the answer, which are folded at first."""
    if page.locator("#metrics").count() == 0:
        page.get_by_text("All numbers").click()
    return page.locator("#metrics").inner_text()


def status(page):
    return page.locator("#status").inner_text()


def test_upload_brush_run_stop_run_download(page, tmp_path):
    upload(page, photograph(tmp_path))
    page.wait_for_selector(".region-canvas.ready")
    page.wait_for_function("document.querySelector('#prediction h2')?.innerText.trim() === '4'")
    assert area(page) == "nothing marked"
    page.locator("#factual").get_by_role("button", name="Box").click()
    paint(page, 0.1, 0.1, 0.9, 0.6)
    assert "%" in area(page)
    expect_source(page, "painted")
    choose_target(page, "9")

    choose_method(page, "RCSB")
    open_accordion(page.get_by_text("Settings of the method"))
    steps = page.get_by_label("number input for Steps", exact=True)
    steps.wait_for()
    steps.fill("500")
    page.keyboard.press("Tab")
    page.wait_for_function(
        "document.querySelector('[aria-label=\"range slider for Steps\"]').value === '500'"
    )
    run(page)
    page.wait_for_selector("#frame img.frame")
    page.wait_for_selector("#stop:visible")
    assert not page.locator("#run").is_visible(), "Stop sits where Run was"
    page.wait_for_function("/step [1-9]/.test(document.querySelector('#status').innerText)")
    assert page.locator("#trajectory-plot polyline").get_attribute("points")
    page.locator("#stop").click()
    wait_for_answer(page)
    assert "Stopped at step" in status(page)
    assert "of 500" in status(page)
    assert "not a finished answer" in status(page)

    choose_method(page, "LeapFactual")
    run(page)
    page.wait_for_function(
        "/^(Flipped|Not flipped)/.test(document.querySelector('#status').innerText)"
    )
    wait_for_answer(page)
    assert "Oracle says" in numbers_of(page)
    # Both heatmaps, what the autoencoder makes of the factual, and the change from that.
    assert page.locator("#difference img").count() == 4
    with page.expect_download() as download:
        page.locator("#download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        record = json.loads(archive.read("result.json"))
        pictures = {
            name: np.asarray(Image.open(io.BytesIO(archive.read(f"{name}.png"))))
            for name in ("factual", "counterfactual", "region")
        }
    assert record["method"] == "leapfactual"
    assert record["target"] == "9"
    assert record["metrics"]["change_outside"] == 0
    outside = pictures["region"] == 0
    assert 0 < outside.mean() < 1
    assert np.array_equal(pictures["factual"][outside], pictures["counterfactual"][outside])
    assert not np.array_equal(pictures["factual"], pictures["counterfactual"])
    shown = numbers_of(page)
    page.locator("#bundle input").click()  # a list closed without a choice changes nothing
    page.keyboard.press("Escape")
    page.locator("#page-title").click()
    page.wait_for_timeout(2000)
    assert numbers_of(page) == shown
    assert page.get_by_text("no longer kept").count() == 0


def test_brush_undo_redo_and_tools_by_keyboard(page):
    choose_example(page)
    canvas = page.locator("#factual canvas")
    canvas.focus()
    for key in ("Space", "ArrowRight", "ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    painted = area(page)
    expect_source(page, "painted")
    page.keyboard.press("Control+z")
    assert area(page) != painted
    page.keyboard.press("Control+z")
    assert area(page) == "nothing marked"
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+Shift+z")
    assert area(page) == painted
    page.keyboard.press("i")
    share = float(area(page).split()[0])
    assert abs(share + float(painted.split()[0]) - 100) < 0.2
    tools = page.locator("#factual .tools")
    tools.get_by_role("button", name="Clear").click()
    assert area(page) == "nothing marked"
    page.locator("#factual").get_by_role("button", name="Box").click()
    canvas.focus()
    for key in ("Space", "ArrowDown", "ArrowRight", "Space"):
        page.keyboard.press(key)
    small = float(area(page).split()[0])
    assert abs(small - 100 * 4 / 1024) < 0.06
    tools.get_by_role("button", name="More region tools").click()
    page.locator("#factual").get_by_role("button", name="Grow").click()
    assert float(area(page).split()[0]) > small
    page.locator("#factual").get_by_role("button", name="Shrink").click()
    assert float(area(page).split()[0]) == small


def test_masks_come_in_and_go_out(page, tmp_path):
    choose_example(page)
    mask = Image.new("L", (32, 32))
    mask.paste(255, (8, 4, 24, 16))
    mask.save(tmp_path / "mask.png")
    loader = page.locator("#factual input[type=file]")
    loader.set_input_files(str(tmp_path / "mask.png"))
    page.wait_for_function("document.querySelector('#factual .area').innerText.startsWith('18.8')")
    page.keyboard.press("m")
    with page.expect_download() as download:
        page.locator("#factual").get_by_role("button", name="Save mask").click()
    saved = Image.open(download.value.path()).convert("L")
    assert np.array_equal(np.asarray(saved), np.asarray(mask))
    Image.new("L", (50, 40), 255).save(tmp_path / "wrong.png")
    loader.set_input_files(str(tmp_path / "wrong.png"))
    page.wait_for_function(
        "document.querySelector('#factual .message').innerText.includes('50x40')"
    )
    assert area(page).startswith("18.8")


def test_the_models_proposal_is_an_editable_mask(page):
    choose_example(page)
    page.locator("#region-source").get_by_text("Where the model looks").click()
    page.wait_for_function("document.querySelector('#factual .area').innerText.includes('%')")
    assert 5 < float(area(page).split()[0]) <= 30
    expect_source(page, "auto")
    proposed = area(page)
    choose_target(page, "9")
    run(page)
    wait_for_answer(page)
    assert "from: auto" in numbers_of(page)
    paint(page)
    expect_source(page, "painted")
    page.locator("#factual").get_by_role("button", name="Clear").click()
    assert area(page) == "nothing marked"
    page.keyboard.press("p")  # the same proposal again comes back
    page.wait_for_function(
        f"document.querySelector('#factual .area').innerText === {json.dumps(proposed)}"
    )
    choose_example(page)  # and the same example again clears it
    page.wait_for_function("document.querySelector('#factual .area').innerText.includes('nothing')")
    expect_source(page, "whole")


# A person who is faster than the studio: Run as soon as the clicked example is on its way.
AT_ONCE = """async () => {
  document.querySelectorAll("#examples button")[8].click();
  const tracker = document.querySelector("#examples [data-testid=status-tracker]");
  while (tracker.classList.contains("hide")) await new Promise(requestAnimationFrame);
  document.querySelector("#run").click();
}"""


def test_run_waits_for_a_picture_that_is_on_its_way(page):
    page.evaluate(AT_ONCE)
    wait_for_answer(page)
    assert "the model said “4”" in status(page)


def test_ctrl_enter_runs_from_a_control(page):
    choose_example(page)
    choose_method(page, "PLACE")
    page.locator("#method input").focus()
    page.keyboard.press("Control+Enter")
    wait_for_answer(page)
    assert "the model said “4”" in status(page)


def test_examples_are_named_and_reached_by_arrow_keys(page):
    page.locator("#examples button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(".region-canvas.ready")
    pressed = page.locator("#examples button[aria-pressed=true]")
    assert pressed.get_attribute("aria-label") == "Example 7: 3"
    assert page.locator("#examples button[tabindex='0']").count() == 1


def test_a_drawing_is_a_picture(page):
    page.get_by_role("tab", name="Draw").click()
    board = page.locator("#sketch canvas")
    box = board.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 50)
    page.mouse.down()
    for x, y in ((190, 50), (110, 220)):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=10)
    page.mouse.up()
    page.locator("#use-drawing").click()
    page.wait_for_selector(".region-canvas.ready")
    page.wait_for_function("document.querySelector('#prediction h2')?.innerText.trim() === '7'")


def test_bad_input_is_a_sentence_and_the_page_goes_on(page, tmp_path):
    run(page)
    page.wait_for_function("document.querySelector('#status').innerText.includes('picture first')")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is no picture")
    upload(page, broken)
    page.get_by_text("cannot be read as a picture").wait_for()
    page.get_by_role("tab", name="Examples").click()
    choose_example(page)
    page.locator("#region-source").get_by_text("Where I paint").click()
    run(page)
    page.wait_for_function(
        "document.querySelector('#status').innerText.includes('region is empty')"
    )
    page.locator("#region-source").get_by_text("Anything").click()
    run(page)
    wait_for_answer(page)


def test_clicking_a_class_makes_it_the_target(page):
    choose_example(page)
    page.wait_for_selector("#prediction button")
    row = page.locator("#prediction button").nth(2)
    name = row.inner_text().split()[0]
    row.click()
    page.wait_for_function(
        f"document.querySelector('#target input').value.startsWith({json.dumps(name)})"
    )


def test_hold_f_shows_the_factual_and_keys_leave_text_fields_alone(page):
    choose_example(page)
    page.locator("#page-title").click()
    page.keyboard.press("r")
    wait_for_answer(page)
    after = page.locator("#counterfactual .after")
    assert after.is_visible()
    page.keyboard.down("f")
    assert not after.is_visible()
    page.keyboard.up("f")
    assert after.is_visible()
    slider = page.locator("#counterfactual input[type=range]")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "0", "the answer is shown whole at first"
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "1"
    page.locator("#target input").focus()
    page.keyboard.press("r")
    page.wait_for_timeout(300)
    assert page.locator("#run").is_visible()


def unlabelled(page):
    return page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea")]
          .filter((n) => n.offsetParent && !n.labels?.length && !n.getAttribute("aria-label"))
          .map((n) => n.outerHTML.slice(0, 120))"""
    )


def test_controls_have_visible_labels(page):
    choose_example(page)
    assert unlabelled(page) == []


def test_variants_and_baselines_come_after_the_papers_methods(page):
    titles = methods_offered(page)
    kinds = [title.rsplit("(", 1)[-1] if "(" in title else "" for title in titles]
    assert kinds == sorted(kinds, key=["", "variant)", "baseline)"].index)
    assert "baseline)" in kinds


def open_compare(page):
    page.get_by_role("tab", name="Compare").click()


def column(page, number):
    """The cells of one column of the table, as they stand."""
    return page.evaluate(
        "n => [...document.querySelectorAll('#compare-table tbody tr')]"
        ".map((row) => row.children[n].dataset.value)",
        number,
    )


def numbers(page, place):
    """A column's numbers; a run's second answer has none of its own, and stays below."""
    texts = column(page, place)
    found = [text for text in texts if text]
    assert texts[: len(found)] == found
    return [float(text) for text in found]


def test_compare_sort_choose_download(page, choices):
    open_compare(page)
    page.locator("#compare-question").get_by_text("Choose a picture").wait_for()
    page.locator("#compare-change").click()
    choose_example(page)
    paint(page, 0.1, 0.1, 0.9, 0.9)
    marked = area(page)
    choose_target(page, "9")
    open_compare(page)
    page.locator("#compare-question").get_by_text("“9”").wait_for()
    assert "painted" in page.locator("#compare-question").inner_text()
    for box in page.locator("#compare-methods label").all():
        box.locator("input").set_checked(box.inner_text().strip() in ("LeapFactual", "RCSB"))
    assert unlabelled(page) == []
    page.locator("#compare-seeds input, #compare-seeds textarea").fill("nonsense")
    page.locator("#compare-run").click()
    page.locator("#compare-status").get_by_text("cannot be read").wait_for()
    page.locator("#compare-seeds input, #compare-seeds textarea").fill("0-1")
    page.locator("#compare-run").click()
    page.wait_for_selector("#compare-stop:visible")
    page.wait_for_selector("#compare-table table", timeout=120_000)
    # The factual, LeapFactual, which draws nothing, and RCSB with two seeds.
    assert page.locator("#compare-columns figure:visible").count() == 4
    # Two each for three answers, the factual, and LeapFactual's standard answer.
    assert page.locator("#compare-columns img:visible").count() == 8
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    headings = [h.inner_text() for h in page.locator("#compare-table thead button").all()]
    seconds = next(i for i, text in enumerate(headings) if text.startswith("Seconds"))
    button = page.locator("#compare-table thead button").nth(seconds)
    heading = page.locator("#compare-table thead th").nth(seconds)
    button.click()
    values = numbers(page, seconds)
    assert values == sorted(values)
    assert heading.get_attribute("aria-sort") == "ascending"
    button.focus()
    page.keyboard.press("Enter")
    assert numbers(page, seconds) == sorted(values, reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"
    assert "nan" not in page.locator("#compare-table").inner_text().lower()

    page.locator("#convincing input").first.focus()
    page.keyboard.press("Space")
    page.wait_for_selector(".answer.chosen")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_function(
        "[...document.querySelectorAll('#compare-columns figure')].findIndex("
        "(f) => f.classList.contains('chosen')) === 2"
    )
    page.wait_for_timeout(500)  # the button's new file arrives with the same event
    with page.expect_download() as download:
        page.locator("#compare-download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        told = json.loads(archive.read("comparison.json"))
        record = json.loads(archive.read("rcsb-seed0/result.json"))
    assert {"table.csv", "rcsb-seed0/counterfactual.png", "rcsb-seed1/result.json"} <= set(names)
    assert record["convincing"] is True
    runs = [row["run"] for row in told["runs"] if row["answer"] != "standard"]
    assert told["convincing"] == runs[1]
    noted = [json.loads(line) for line in choices.read_text().splitlines() if '"chosen"' in line]
    assert [line["chosen"] for line in noted] == runs[:2]
    page.get_by_role("tab", name="Explain").click()
    assert area(page) == marked, "the region is still there"
