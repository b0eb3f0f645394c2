"""Compare with settings and two models, and the tab Evaluate, in Chromium as people use them."""

import json
import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_accordion, served, visited
from tests.browser.test_journey import choose_example, choose_target, open_compare, unlabelled

pytestmark = pytest.mark.browser


def pick(page, elem_id, title):
    """Choose from a list that is no search field."""
    page.locator(f"#{elem_id} input").click()
    page.locator(f'#{elem_id} [role=option][aria-label="{title}"]').click()


def tick(page, elem_id, *titles):
    for box in page.locator(f"#{elem_id} label").all():
        box.locator("input").set_checked(box.inner_text().strip() in titles)


def ask_nine(page):
    choose_example(page)
    choose_target(page, "9")
    open_compare(page)
    page.locator("#compare-question").get_by_text("“9”").wait_for()
    tick(page, "compare-methods", "LeapFactual")


def compare(page):
    page.locator("#compare-run").click()
    page.wait_for_selector("#compare-stop:visible")
    page.wait_for_selector("#compare-run:visible", timeout=120_000)


def test_settings_are_ticked_and_two_models_answer(page):
    ask_nine(page)
    open_accordion(page.get_by_text("Vary settings").first)
    pick(page, "compare-vary-method", "RCSB")
    setting = page.locator("#compare-vary-setting input")
    expect(setting).to_have_value("Guidance scale")
    pick(page, "compare-vary-setting", "Steps")
    values = page.locator("#compare-vary-values label")
    expect(values).to_have_text([re.compile(t) for t in ("50", "75", "100 .usual", "150", "200")])
    values.nth(0).click()
    expect(page.locator("#compare-settings textarea")).to_have_value("rcsb.steps=50")
    values.nth(1).click()
    expect(page.locator("#compare-settings textarea")).to_have_value("rcsb.steps=50,75")
    told = page.locator("#compare-vary-told")
    expect(told).to_contain_text("RCSB, 2 times: Steps 50; Steps 75.")
    rcsb = page.locator(
        '#compare-methods input[name="rcsb"], #compare-methods label:has-text("RCSB") input'
    )
    expect(rcsb.first).to_be_checked()
    pick(page, "compare-second", "Oracle, the independent judge")
    assert unlabelled(page) == []
    compare(page)
    # The factual, and three answers of each model.
    assert page.locator("#compare-columns figure:visible").count() == 7
    heads = page.locator("#compare-columns h4:visible").all_inner_texts()
    assert sum("Oracle" in head for head in heads) == 3
    assert sum("Steps 75" in head for head in heads) == 2
    first, second = page.locator(".answer.first"), page.locator(".answer.second")
    assert first.nth(1).bounding_box()["x"] == second.nth(1).bounding_box()["x"], "side by side"
    assert "Oracle: “4” → " in first.first.inner_text()
    assert "Classifier: “4” → " in second.first.inner_text()
    status = page.locator("#compare-status").inner_text()
    assert re.search(r"Classifier: flipped by \d of 3 answers", status)
    table = page.locator("#compare-table").inner_text()
    assert "RCSB, Steps 75" in table
    assert "The other model says" in table
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as download:
        page.locator("#compare-download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        told = json.loads(archive.read("comparison.json"))
        record = json.loads(archive.read("rcsb-steps-75-oracle-seed0/result.json"))
    assert told["models"] == ["classifier", "oracle"]
    assert record["second_opinion"]["model"] == "classifier"
    page.locator("#compare-take-away").get_by_text("Take away").click()
    code = page.locator("#compare-take-away")
    expect(code).to_contain_text("--set rcsb.steps=50,75")
    expect(code).to_contain_text("--second-model oracle")


def test_a_model_without_the_class_and_odd_settings_are_told_in_a_sentence(page):
    ask_nine(page)
    pick(page, "compare-second", "Stroke thickness")
    compare(page)
    expect(page.locator("#compare-note")).to_contain_text("Stroke thickness has no “9”")
    expect(page.locator(".answer.first").first).to_contain_text("pixels")
    assert page.locator(".answer.second").count() == 0
    open_accordion(page.get_by_text("Vary settings").first)
    typed = page.locator("#compare-settings textarea")
    for words, said in (("rcsb.steps=5000", "less than or equal to 500"),
                        ("nonsense", "is not of the form"), ("moon.a=1", "moon")):  # fmt: skip
        typed.fill(words)
        typed.blur()
        expect(page.locator("#compare-vary-told")).to_contain_text(said)
    tick(page, "compare-methods", "RCSB")
    typed.fill("rcsb.steps=5000")
    page.locator("#compare-run").click()
    expect(page.locator("#compare-status")).to_contain_text("less than or equal to 500")
    typed.fill("")
    compare(page)
    expect(page.locator("#compare-status")).to_contain_text("Asked for “9”")


def test_a_comparison_of_two_models_stops(page):
    ask_nine(page)
    tick(page, "compare-methods", "LeapFactual", "RCSB")
    pick(page, "compare-second", "Oracle, the independent judge")
    page.locator("#compare-run").click()
    page.wait_for_selector("#compare-stop:visible")
    page.locator("#compare-stop").click()
    page.wait_for_selector("#compare-run:visible", timeout=60_000)
    assert "■" in page.locator("#compare-columns").inner_text()


def test_an_evaluation_outlives_the_studio(browser, tmp_path):
    home = tmp_path / "home"
    for start in (1, 2):
        log = tmp_path / f"log{start}.txt"
        with served(log, STUDIO_HOME=str(home)) as address, visited(browser, address) as page:
            page.wait_for_selector("#examples img")
            page.get_by_role("tab", name="Evaluate").click()
            if start == 1:
                expect(page.locator("#evaluate-state")).to_contain_text("The table comes here")
                assert not page.locator("#evaluate-earlier").is_visible()
                page.locator("#evaluate-count input").fill("4")
                tick(page, "evaluate-methods", "RCSB")
                page.locator("#evaluate-start").click()
                page.wait_for_selector("#evaluate-stop:visible")
                page.locator("#evaluate-stop").click()
                page.wait_for_selector("#evaluate-start:visible", timeout=60_000)
                expect(page.locator("#evaluate-state")).to_contain_text("Press Start to go on")
                listed = page.locator("#evaluate-earlier input")
                expect(listed).to_have_value(re.compile("not finished"))
                continue
            page.locator("#evaluate-earlier input").click()
            page.locator("#evaluate-earlier [role=option]").first.click()
            expect(page.locator("#evaluate-state")).to_contain_text("Press Start: it goes on")
            expect(page.locator("#evaluate-count input")).to_have_value("4")
            page.locator("#evaluate-start").click()
            page.wait_for_selector("#evaluate-stop:visible")
            page.wait_for_selector("#evaluate-start:visible", timeout=180_000)
            expect(page.locator("#evaluate-state")).to_contain_text("Done.")
            expect(page.locator("#evaluate-state")).to_contain_text("whole picture")
            assert page.locator("#evaluate-files").get_by_text("report").count()
            page.once("dialog", lambda dialog: dialog.dismiss())
            page.locator("#evaluate-delete").click()
            page.wait_for_timeout(500)
            assert page.locator("#evaluate-earlier").is_visible(), "thought again"
            page.once("dialog", lambda dialog: dialog.accept())
            page.locator("#evaluate-delete").click()
            expect(page.locator("#evaluate-earlier")).not_to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not list((home / "evaluations" / "own").iterdir())
