"""A person's own model on the page: added, asked, explained."""

import re

import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from tests.browser.test_journey import choose_method, methods_offered

pytestmark = pytest.mark.browser


@pytest.fixture
def program(tmp_path):
    """A network that tells bright digits from dark ones, as a file of torch.export."""

    class Bright(nn.Module):
        def forward(self, x):
            lead = 60 * (x.mean((1, 2, 3)) - 0.13)
            return torch.stack([-lead, lead], 1)

    path = tmp_path / "brightness.pt2"
    torch.export.save(torch.export.export(Bright(), (torch.zeros(1, 1, 32, 32),)), path)
    return path


def test_an_uploaded_model_is_asked_and_explained(page, program):
    page.get_by_role("button", name="Explain a model of yours").click()
    page.locator("#own-model textarea, #own-model input").first.fill("own.py:net")
    page.locator("#add-model").click()
    expect(page.locator("#own-model-status")).to_contain_text("would run code")
    page.locator("#examples img").first.click()
    expect(page.locator("#target input")).not_to_have_value("")
    page.locator("#own-model textarea, #own-model input").first.fill("?classes=dark,bright")
    page.locator("#own-model-file input[type=file]").set_input_files(program)
    expect(page.locator("#own-model-file")).to_contain_text("brightness")
    page.locator("#add-model").click()
    expect(page.locator("#own-model-status")).to_contain_text("brightness says")
    sight = page.locator("#own-model-sight")
    expect(sight).to_contain_text("32 × 32 pixels, grey")
    expect(sight).to_contain_text("dark, bright")
    expect(sight.get_by_alt_text("Your picture as the model sees it")).to_be_visible()
    expect(sight).to_contain_text("Where it looks")
    expect(page.locator("#model input")).to_have_value("brightness")
    expect(page.locator("#target input")).to_have_value(re.compile("^(dark|bright)$"))
    assert "LeapFactual" not in methods_offered(page), "it is refused"
    choose_method(page, "RCSB")
    page.locator("#run").click()
    page.wait_for_selector("#counterfactual .compare", timeout=90_000)
    expect(page.get_by_text(re.compile("the model said “(dark|bright)”"))).to_be_visible()
