"""A person's own pictures on the page: uploaded, seen as the models would, made into a bundle."""

import shutil

import pytest
from playwright.sync_api import expect

from tests.backends.training.own_pictures import write_tree
from tests.browser.conftest import served, visited

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """The address of a studio whose bundles nobody else sees."""
    folder = tmp_path_factory.mktemp("own")
    with served(folder / "log.txt", STUDIO_BUNDLES=str(folder / "bundles")) as url:
        yield url


@pytest.fixture
def packed(tmp_path):
    """A zip of two classes, and of a file that is no picture."""
    tree = write_tree(tmp_path / "squares", 6)
    (tree / "dark" / "odd.png").write_bytes(b"no picture")
    return shutil.make_archive(str(tmp_path / "my squares"), "zip", tmp_path, "squares")


def test_a_zip_is_seen_made_and_found_in_the_chooser(browser, studio, packed):
    with visited(browser, studio) as page:
        page.get_by_role("tab", name="Your own pictures").click()
        page.locator("#own-make").click()
        expect(page.get_by_text("Upload a zip of pictures first")).to_be_visible()
        page.locator("#own-zip input[type=file]").set_input_files(packed)
        look = page.locator("#own-look")
        expect(look).to_contain_text("13 pictures in 2 classes, taken as grey", timeout=60_000)
        expect(look.locator("figure img.seen").first).to_be_visible()
        page.locator("#own-size input").click()
        page.get_by_role("option", name="32", exact=True).click()
        expect(look).to_contain_text("32 × 32 pixels")
        expect(page.locator("#own-name textarea, #own-name input").first).to_have_value(
            "my-squares"
        )
        page.locator("#own-minutes input").fill("0")
        page.locator("#own-make").click()
        made = page.locator("#own-made")
        expect(made).to_contain_text("“my-squares” is made", timeout=60_000)
        expect(made).to_contain_text("odd.png cannot be read as a picture")
        expect(page.locator("#own-bundle input")).to_have_value("my-squares")
        page.locator("#bundle input").click()
        expect(page.get_by_role("option", name="My squares")).to_be_visible()
        page.keyboard.press("Escape")
        page.locator("#own-open").click()
        expect(page.locator("#page-title")).to_contain_text("My squares")
        expect(page.locator("#examples img").first).to_be_visible()
        drawing = page.get_by_role("tab", name="Draw")
        expect(drawing).to_have_count(0)  # of digits only
        page.locator("#bundle input").click()
        page.get_by_role("option", name="Handwritten digits").click()
        expect(drawing).to_be_visible()
    with visited(browser, studio) as later:
        later.locator("#bundle input").click()
        expect(later.get_by_role("option", name="My squares")).to_be_visible()
