"""People label by keyboard, their labels become a model, and the model is explained."""

import json

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from studio.labels.store import projects, responses
from studio.labels.store.database import Database, usual_place
from studio.labels.store.schema import Items
from tests.browser.conftest import open_accordion, visited
from tests.browser.test_journey import methods_offered

pytestmark = pytest.mark.browser
STATE = "JSON.stringify(window.labelling.state())"


def state(page):
    return json.loads(page.evaluate(STATE))


def choose(page, dropdown, text=None):
    """The first option of a drop-down, of those with a text in them."""
    page.locator(f"{dropdown} input").click()
    options = page.locator(f"{dropdown} [role=option]")
    if text is not None:
        options = options.filter(has_text=text)
    options.first.click()


def make(page, name, person):
    """A project of the bundle's examples, and whoever makes it in it."""
    page.get_by_role("tab", name="Label").click()
    page.wait_for_timeout(1500)  # the page hears which projects there are
    if not page.locator("#project-name").is_visible():
        open_accordion(page.get_by_text("New project"))
    page.locator("#project-name").get_by_role("textbox").fill(name)
    page.locator("#label-name").get_by_role("textbox").fill(person)
    page.locator("#project-make").click()
    page.wait_for_selector(".labelling:not(.closed) #label-image[src]")
    page.wait_for_selector("#project-status .success")


def join(page, name, person):
    page.get_by_role("tab", name="Label").click()
    choose(page, "#label-project", name)
    page.locator("#label-name").get_by_role("textbox").fill(person)
    page.locator("#label-join").click()
    page.wait_for_selector(".labelling:not(.closed) #label-image[src]")


def own_class(item):
    """The true class of a picture that is shown, with which its file's name begins."""
    database = Database(usual_place())
    with database.read() as connection:
        name = connection.execute(select(Items.name).where(Items.id == item["id"])).scalar_one()
    database.close()
    return name[0]


def answer(page):
    """The picture's own class by its key; waits for the next one."""
    item = state(page)["shown"]
    assert "name" not in item, "an annotator would see the class in it"
    page.keyboard.press(own_class(item))
    page.wait_for_function(
        "id => window.labelling.state().shown?.id !== id && "
        "document.querySelector('#label-image').getAttribute('src')",
        arg=item["id"],
    )
    return item


def all_saved(page):
    page.wait_for_function("window.labelling.state().open === 0")


def test_twenty_by_keyboard_then_a_model_of_them(page):
    make(page, "twenty", "Ann")
    labelled = [answer(page) for _ in range(20)]
    page.keyboard.press("z")
    page.wait_for_function(
        "id => window.labelling.state().shown?.id === id", arg=labelled[-1]["id"]
    )
    assert state(page)["shown"]["value"] == own_class(labelled[-1])
    answer(page)
    page.keyboard.press("u")
    page.keyboard.press("s")
    all_saved(page)
    assert "20 labelled, 1 unsure, 1 skipped" in page.inner_text("#label-progress")
    database = Database(usual_place())
    stored = responses.standing(database, projects.find(database, "twenty"))
    database.close()
    assert {r.item_id: r.value for r in stored if r.value} == {
        item["id"]: own_class(item) for item in labelled
    }
    assert {r.via for r in stored} == {"key"}

    open_accordion(page.locator("#training > .label-wrap, #training > button").first)
    page.locator("#retrain").click()
    page.wait_for_selector("#retrain-status .warning", timeout=300_000)
    told = page.inner_text("#retrain-status")  # twenty labels are few, and the page says so
    assert "Labels by class: 0:" in told
    assert "In Explain, choose “twenty" in told, "the machine is theirs"

    page.get_by_role("tab", name="Explain").click()
    page.locator("#examples button").nth(8).click()
    page.wait_for_selector(".region-canvas.ready")
    page.wait_for_selector("#opinions .status")
    assert "twenty" in page.inner_text("#opinions")
    said = page.inner_text("#opinions").split(" says ")[1][0]
    # A class that nobody named is not offered.
    learnt = sorted({own_class(item) for item in labelled} - {said})
    choose(page, "#model", "twenty")
    choose(page, "#target", learnt[0])
    # Offered are methods that need no gradients: LeapFactual, and baselines.
    expect(page.locator("#which-method")).to_be_visible()
    first, *others = methods_offered(page)
    assert first == "LeapFactual"
    assert others
    assert all("(baseline)" in name for name in others)
    page.locator("#run").click()
    page.wait_for_selector("#counterfactual .compare", timeout=60_000)
    assert "says" in page.inner_text("#status")


def test_a_session_is_resumed_and_two_people_share_the_work(browser, address):
    with visited(browser, address) as ann, visited(browser, address) as bob:
        for page in (ann, bob):  # Bob is here before there is a project
            page.wait_for_selector("#examples img")
        make(ann, "shared", "Ann")
        first = [answer(ann) for _ in range(3)]
        all_saved(ann)
        before = state(ann)["shown"]["id"]
        ann.reload()
        ann.wait_for_selector("#examples img")
        ann.get_by_role("tab", name="Label").click()
        ann.wait_for_selector(".labelling:not(.closed) #label-image[src]")
        assert state(ann)["shown"]["id"] == before
        join(bob, "shared", "Bob")
        second = [answer(bob) for _ in range(3)]
        assert not {item["id"] for item in first} & {item["id"] for item in second}
        # Bob does not administer: no agreement, no export, no settings.
        for room in ("#admin", "#exchange", "#training", "#annotator"):
            assert not bob.locator(room).is_visible()
        assert ann.locator("#admin").is_visible()


def test_answers_wait_in_the_browser_while_nobody_answers(page):
    make(page, "offline", "Ann")
    held = []
    page.route("**/labels/answers", lambda route: held.append(route))
    answer(page)
    page.wait_for_selector(".saved.open")
    assert "1 not saved yet" in page.inner_text(".labelling .saved")
    held[0].continue_()
    all_saved(page)
    assert "saved ✓ 1" in page.inner_text(".labelling .saved")


def test_a_person_is_asked_along_the_path_and_goes_on_after_a_reload(page):
    page.locator("#examples button").nth(8).click()
    page.wait_for_selector(".region-canvas.ready")
    open_accordion(page.get_by_text("Settings of the method"))
    page.locator("#ask-me").get_by_role("checkbox").check()
    page.wait_for_function("document.querySelector('#target input').value")
    target = page.locator("#target input").input_value().split()[0]
    page.locator("#run").click()
    page.wait_for_selector("#path-choices button")
    asked = 0

    def say(name):
        nonlocal asked
        asked += 1
        page.keyboard.press(name)
        page.wait_for_function("!document.querySelector('#path-choices').dataset.busy")

    for name in ("4", "4"):
        say(name)
    page.reload()
    page.wait_for_selector("#path-open:visible")
    choose(page, "#path-open")
    page.wait_for_selector("#path-choices button")
    while page.locator("#path-choices button").count() and asked < 25:
        say(target)
    page.wait_for_selector("#counterfactual .compare")
    assert f"You call the result “{target}”" in page.inner_text("#status")
    assert "%" in page.inner_text("#status")
