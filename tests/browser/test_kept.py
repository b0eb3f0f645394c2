"""Nothing is lost: reload, restart, two tabs, Back and Forward, a link in another browser."""

import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE, open_accordion, served
from tests.browser.test_journey import (
    choose_example,
    choose_method,
    expect_source,
    numbers_of,
    paint,
    status,
    wait_for_answer,
)  # fmt: skip

pytestmark = pytest.mark.browser
CARDS = "#history .kept-run"


@pytest.fixture
def visit(browser):
    """Opens pages, each of a browser of its own unless one is given. What gradio reports of its
    own streams, which a reload cuts off, is no fault here."""
    contexts = []

    def visit(address, context=None):
        if context is None:
            context = browser.new_context(viewport={"width": 1366, "height": 768})
            context.set_default_timeout(PATIENCE)
            contexts.append(context)
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("#status")
        return page

    yield visit
    for context in contexts:
        context.close()


def ask(page, index=8):
    page.wait_for_selector("#examples img")
    choose_example(page, index)
    expect(page.locator("#target input")).not_to_have_value("")
    page.locator("#run").click()


def answered(page):
    """Wait for an answer that is kept, and return its id."""
    wait_for_answer(page)
    page.wait_for_function("location.search.includes('run=')")
    expect(page.locator("#kept-panel")).to_contain_text("Your earlier answers:")
    return page.url.partition("run=")[2]


def unfold(page):
    page.locator("#kept-panel > button").click()
    page.wait_for_selector("#history .kept-run")


def downloaded(page):
    with page.expect_download() as download:
        page.locator("#download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def step(page):
    page.wait_for_function("/step [1-9]/.test(document.querySelector('#status')?.innerText)")


def long_run(page):
    page.wait_for_selector("#examples img")
    choose_example(page)
    page.locator("#factual").get_by_role("button", name="Box").click()
    paint(page, 0.1, 0.1, 0.9, 0.7)
    choose_method(page, "RCSB")
    open_accordion(page.get_by_text("Settings of the method"))
    steps = page.get_by_label("number input for Steps", exact=True)
    steps.wait_for()
    steps.fill("500")
    page.keyboard.press("Tab")
    page.locator("#run").click()
    step(page)


def test_a_reload_in_mid_run_finds_the_run_again(visit, address):
    page = visit(address)
    long_run(page)
    marked = page.locator("#factual .area").inner_text()
    page.reload()
    step(page)
    expect(page.locator("#stop")).to_be_visible()
    assert page.locator("#factual .area").inner_text() == marked
    expect_source(page, "painted")
    assert page.locator("#method input").input_value() == "RCSB"
    page.locator("#stop").click()
    answered(page)
    assert "of 500" in status(page)


def test_a_reload_after_a_run_brings_all_of_it_back(visit, address):
    page = visit(address)
    ask(page)
    answered(page)
    numbers, target = (
        numbers_of(page),
        page.locator("#target input").input_value(),
    )
    page.reload()
    wait_for_answer(page)
    assert numbers_of(page) == numbers
    assert page.locator("#target input").input_value() == target
    page.wait_for_selector(".region-canvas.ready")


def test_back_and_forward_walk_through_the_runs(visit, address):
    page = visit(address)
    ask(page)
    first = answered(page)
    choose_method(page, "PLACE")
    page.locator("#run").click()
    page.wait_for_function("run => !location.search.includes(run)", arg=first)
    answered(page)
    chosen = page.locator("#method input")
    page.go_back()
    expect(chosen).to_have_value("LeapFactual")
    wait_for_answer(page)
    page.go_forward()
    expect(chosen).to_have_value("PLACE")
    page.wait_for_timeout(1500)  # until all of it is on the page
    page.go_back()
    page.go_back()  # to the page as it was first: still the studio
    expect(page.locator("#counterfactual .compare")).to_have_count(0)
    assert page.locator("#run").is_visible()


def test_two_tabs_share_the_list_which_compares_and_deletes(visit, address):
    one = visit(address)
    ask(one)
    answered(one)
    two = visit(address, one.context)
    ask(two, 6)
    answered(two)
    unfold(two)
    expect(two.locator(CARDS)).to_have_count(2)
    for box in two.locator("[data-act=pick]").all():
        box.check()
    two.locator("[data-act=compare]").click()
    expect(two.locator("#kept-compare table img")).to_have_count(4)
    two.on("dialog", lambda dialog: dialog.accept())
    two.locator("[data-act=delete]").first.click()
    expect(two.locator(CARDS)).to_have_count(1)
    stranger = visit(address)
    stranger.wait_for_timeout(2000)
    assert stranger.locator(CARDS).count() == 0


def test_a_link_in_another_browser_repeats_the_run_to_the_last_bit(visit, address):
    page = visit(address)
    ask(page)
    answered(page)
    ours = downloaded(page)
    other = visit(page.url)
    wait_for_answer(other)
    assert downloaded(other) == ours
    link = other.url
    other.locator("#run-again").click()
    other.wait_for_function("link => location.href !== link", arg=link)
    answered(other)
    theirs = downloaded(other)
    same = [name for name in ours if name not in ("result.json", "counterfactual.png")]
    assert {name: theirs[name] for name in same} == {name: ours[name] for name in same}


def test_a_result_that_is_dropped_comes_back(visit, address, tmp_path):
    page = visit(address)
    ask(page)
    answered(page)
    with page.expect_download() as download:
        page.locator("#download").click()
    download.value.save_as(tmp_path / "result.zip")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04rubbish")
    other = visit(address)
    other.locator("#kept-panel > button").click()
    dropped = other.locator("#restore-file input[type=file]")
    dropped.set_input_files(str(tmp_path / "bad.zip"))
    expect(other.locator("#restore-note")).to_contain_text("cannot be read")
    dropped.set_input_files(str(tmp_path / "result.zip"))
    wait_for_answer(other)
    assert numbers_of(other) == numbers_of(page)
    assert "files were dropped" in status(other)


def test_settings_are_kept_in_the_browser(visit, address):
    page = visit(address)
    choose_method(page, "PLACE")
    open_accordion(page.get_by_text("Settings of the method"))
    page.locator("#seed input").fill("7")
    page.keyboard.press("Tab")
    page.wait_for_timeout(2000)
    page = visit(address, page.context)
    expect(page.locator("#method input")).to_have_value("PLACE")
    open_accordion(page.get_by_text("Settings of the method"))
    expect(page.locator("#seed input")).to_have_value("7")


def test_an_open_page_of_an_earlier_studio_says_what_to_do(visit, address):
    page = visit(address)
    page.route("**/gradio_api/app_id", lambda route: route.fulfill(json={"app_id": "another"}))
    page.evaluate("window.before = true")
    bar = page.locator("#restarted")
    expect(bar).to_contain_text("Reload the page")
    bar.get_by_role("button").click()
    page.wait_for_function("!window.before")
    page.wait_for_selector("#status")


def test_a_restart_loses_nothing(visit, tmp_path):
    home = {"STUDIO_HOME": str(tmp_path), "STUDIO_RUNS": str(tmp_path / "runs")}
    with served(tmp_path / "first.txt", **home) as address:
        page = visit(address)
        ask(page)
        answered(page)
        numbers = numbers_of(page)
        page.evaluate("window.before = true")
    port = address.rpartition(":")[2]
    with served(tmp_path / "second.txt", **home, STUDIO_PORT=port):
        # Gradio itself reloads a page whose stream was cut off; others offer it.
        page.wait_for_function(
            "!window.before || (document.querySelector('#restarted button')?.click(), false)"
        )
        wait_for_answer(page)
        assert numbers_of(page) == numbers
        expect(page.locator("#kept-panel")).to_contain_text("Your earlier answers: 1")
