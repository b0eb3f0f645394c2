"""A face, a word, a click, an answer: with tiny random networks behind the page."""

import json
import shutil
import zipfile

import pytest

from backends import bundles, service
from tests.browser.conftest import served, visited
from tests.browser.test_journey import choose_method, expect_source, numbers_of
from tests.faces import write_faces

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    bundle = write_faces(folder / "faces")
    with served(
        folder / "log.txt", STUDIO_BUNDLE=bundle, STUDIO_CACHE=str(folder / "cache"),
        STUDIO_CHOICES=str(folder / "choices.jsonl"),
    ) as url:  # fmt: skip
        yield url


@pytest.fixture
def page(browser, address):
    with visited(browser, address) as page:
        page.wait_for_selector("#new-face")
        yield page


def area(page):
    return page.locator("#factual .area").inner_text()


def marked(page):
    page.wait_for_function("document.querySelector('#factual .area').innerText.includes('%')")
    return area(page)


def changed(page, before):
    page.wait_for_function(
        "text => document.querySelector('#factual .area').innerText !== text", arg=before
    )
    return area(page)


def story(page):
    return page.evaluate("window.regionCanvas.story()")


def choose_source(page, name):
    page.locator("#region-source").get_by_text(name).click()


def click(page, x, y, **how):
    canvas = page.locator("#factual canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    canvas.click(position={"x": x * box["width"], "y": y * box["height"]}, **how)
    page.wait_for_function("document.querySelector('#factual .message').innerText === ''")


def new_face(page, seed="7"):
    shown = "document.querySelector('#factual canvas')?.toDataURL() ?? ''"
    before = page.evaluate(shown)
    page.locator("#face-seed input").fill(seed)
    page.keyboard.press("Enter")
    # The canvas was ready before, too, with the face before.
    page.wait_for_function(f"before => ({shown}) !== before", arg=before)
    page.wait_for_selector(".region-canvas.ready")


def search(page, words):
    page.locator("#phrase input, #phrase textarea").fill(words)
    page.keyboard.press("Enter")


def test_a_word_a_chip_a_click_and_an_answer(page):
    page.locator("#new-face").click()
    page.wait_for_selector(".region-canvas.ready")
    assert page.locator("#face-seed input").input_value() != "0", "the seed that was drawn"

    new_face(page)
    choose_source(page, "What words say")
    search(page, "hair")
    page.locator("#word-offer").get_by_text("Nothing found for 'hair'").wait_for()
    assert area(page) == "nothing marked", "no mask, neither empty nor full"
    search(page, "cat")
    one = marked(page)
    assert story(page) == "text:cat"
    assert page.locator("#candidates input:checked").count() == 1, "the best is ticked"
    chips = page.locator("#candidates input")
    chips.nth(1).focus()
    page.keyboard.press("Space")
    two = changed(page, one)
    chips.nth(1).uncheck()
    assert changed(page, two) == one, "what is switched off is gone again"
    page.locator("#known-words button").get_by_text("mouth", exact=True).click()
    page.wait_for_function("window.regionCanvas.story() === 'text:cat, mouth'")

    choose_source(page, "What I click on")
    assert page.locator("[data-tool=include]").get_attribute("aria-pressed") == "true"
    click(page, 0.5, 0.5)
    page.wait_for_function("window.regionCanvas.story().includes('points:')")
    assert story(page).startswith("text:cat, mouth and points:+"), "what words found is kept"
    sizes = page.locator("#alternatives label")
    sizes.first.wait_for()
    sizes.last.click()
    page.wait_for_function("window.regionCanvas.story().includes('choice=')")
    whole = area(page)
    click(page, 0.2, 0.3, button="right")
    page.wait_for_function("window.regionCanvas.story().includes(';-')")
    page.locator("#factual .undo").click()
    assert area(page) == whole
    assert ";-" not in story(page)

    new_face(page, "8")
    page.wait_for_function("document.querySelector('#factual .area').innerText.includes('nothing')")
    page.locator("#page-title").click()
    page.keyboard.press("c")
    canvas = page.locator("#factual canvas")
    canvas.focus()
    page.keyboard.press("Space")  # a click without a mouse
    page.wait_for_function("window.regionCanvas.story().startsWith('points:+64,64')")
    choose_method(page, "LeapFactual")
    page.locator("#run").click()
    page.wait_for_selector("#counterfactual .compare", timeout=90_000)
    assert "from: points:+64,64" in numbers_of(page)
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-question").get_by_text("in what was clicked").wait_for()


def test_painting_goes_on_from_what_words_found(page):
    new_face(page)
    choose_source(page, "What words say")
    search(page, "cat")
    found = marked(page)
    page.locator("#factual .more").click()
    page.locator("#factual").get_by_role("button", name="Grow").click()
    grown = changed(page, found)
    expect_source(page, "painted")
    assert story(page) == "text:cat (grown by 1)"
    choose_source(page, "What words say")
    assert page.locator("#candidates input:checked").count() == 0, "they are paint now"
    assert area(page) == grown


def test_controls_have_labels_and_bundles_change(page):
    new_face(page)
    for name in ("What words say", "What I click on"):
        choose_source(page, name)
        page.wait_for_timeout(500)
        assert (
            page.evaluate(
                """() => [...document.querySelectorAll("input, select, textarea")]
              .filter((n) => n.offsetParent && !n.labels?.length && !n.getAttribute("aria-label"))
              .map((n) => n.outerHTML.slice(0, 120))"""
            )
            == []
        )
    page.locator("#bundle input").click()
    page.locator("#bundle [role=option]").get_by_text("Handwritten digits").click()
    page.wait_for_selector("#examples img")
    assert not page.locator(".region-canvas.ready").is_visible()
    assert not page.locator("#region-source").get_by_text("What words say").is_visible()
    page.locator("#examples button").first.click()
    page.wait_for_selector(".region-canvas.ready")
    assert not page.locator("[data-tool=include]").is_visible()
    choose_method(page, "RCSB")
    page.locator("#run").click()
    page.wait_for_selector("#counterfactual .compare", timeout=90_000)


def test_another_bundle_brings_its_settings(browser, tmp_path, tiny):
    """Also those of methods whose controls are hidden while the bundle changes."""
    own = {"leapfactual": {"blending_leaps": 7}, "adversarial": {"steps": 8}}
    manifest = bundles.find(tiny).manifest
    folder = shutil.copytree(tiny, tmp_path / "own")
    bundles.write_manifest(folder, manifest.model_copy(update={"settings": own}))
    methods = service.about("digits")["methods"]
    with (
        served(tmp_path / "log.txt", STUDIO_BUNDLE=str(folder)) as url,
        visited(browser, url) as page,
    ):
        page.locator("#bundle input").click()
        page.locator("#bundle [role=option]").get_by_text("Handwritten digits").click()
        page.locator("#examples button").first.click()
        page.wait_for_selector(".region-canvas.ready")
        for name, settings in own.items():
            choose_method(page, methods[name]["title"])
            page.locator("#run").click()
            record = {}
            for _ in range(30):  # the answer before stands there for a while
                if record.get("method") == name:
                    break
                page.wait_for_selector("#counterfactual .compare", timeout=90_000)
                page.wait_for_selector("#run:visible")
                with page.expect_download() as download:
                    page.locator("#download").click()
                with zipfile.ZipFile(download.value.path()) as archive:
                    record = json.loads(archive.read("result.json"))
            for key in settings:
                default = methods[name]["schema"]["properties"][key]["default"]
                assert record["settings"][key] == default != settings[key]
