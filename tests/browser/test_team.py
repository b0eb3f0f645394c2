"""A studio that a team shares: who logs in labels, and a demo's visitors make nothing."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from studio.access.users import Users
from tests.browser.conftest import PATIENCE, served
from tests.browser.test_journey import choose_example, run, wait_for_answer
from tests.browser.test_label_journey import make

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"


def test_a_member_logs_in_and_labels(browser, tmp_path):
    file = tmp_path / "users.json"
    Users().with_user("ann", PASSWORD).write(file)
    with served(tmp_path / "log.txt", STUDIO_USERS=str(file), STUDIO_MODE="team") as address:
        with pytest.raises(HTTPError, match="401"):
            urlopen(address, timeout=20)
        context = browser.new_context(http_credentials={"username": "ann", "password": PASSWORD})
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.wait_for_selector("#examples img")
        make(page, "ours", "Ann")
        page.wait_for_selector(".labelling:not(.closed) #label-image[src]")
        context.close()


def test_a_demos_visitors_explain_and_make_nothing(browser, tmp_path):
    with served(tmp_path / "log.txt", STUDIO_MODE="demo") as address:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.wait_for_selector("#examples img")
        choose_example(page)
        run(page)
        wait_for_answer(page)
        expect(page.get_by_text("Explain a model of yours")).to_have_count(0)
        expect(page.get_by_role("tab", name="Your own pictures")).to_have_count(0)
        page.get_by_role("tab", name="Label").click()
        expect(page.locator("#label-join")).to_be_visible()
        expect(page.locator("#project-make")).to_have_count(0)
        page.close()
