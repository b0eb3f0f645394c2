"""A new method is one file and one line in the registry: page, command line and runner follow."""

import json

import numpy as np
import pytest
from PIL import Image

from backends import registry, service
from studio.engines.inline import InlineEngine
from studio.runs import Runs
from studio.runs.study import Study
from studio.ui.page import build
from studio.ui.shared.controller import BundleController

SOURCE = '''
"""Fade towards the negative: as small as a method can be."""

from pydantic import BaseModel, ConfigDict, Field

from backends.core import Step


class FadeConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")
    steps: int = Field(3, ge=1, le=9, title="Fading steps", description="n: how many")


class Fade:
    name, title, summary, paper = "fade", "Fade", "Turns the picture over.", "Nobody, 2026"
    strengths, costs, suits = "Needs nothing.", "Explains nothing.", ("speed",)
    needs, differentiable, kind, Config = (), False, "method", FadeConfig
    knows_classes, seeded = False, False

    def __init__(self, target_model):
        self.f = target_model

    def explain(self, factual, target, region, config, generator):
        for i in range(1, config.steps + 1):
            share = i / config.steps
            yield Step(i, config.steps, "fade", (1 - share) * factual + share * (1 - factual))
'''


@pytest.fixture
def fade(tmp_path, monkeypatch):
    (tmp_path / "fade_method.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry.METHODS, "fade", "fade_method:Fade")


@pytest.mark.slow
def test_the_page_offers_it(fade, tiny, tmp_path):
    runs = Runs(InlineEngine(), service.explain, service.stopped)
    controller = BundleController(tiny, runs, tmp_path, Study(tmp_path / "choices.jsonl"))
    config = json.dumps(build(controller).get_config_file(), default=str)
    assert '"fade"' in config
    assert "Fading steps" in config


def test_the_command_line_runs_it(fade, tiny, picture, run, tmp_path):
    image = tmp_path / "picture.png"
    Image.fromarray(picture[..., 0]).save(image)
    target = "b" if service.predict(tiny, picture).label != "b" else "c"
    code, printed, _ = run(
        "explain", image, "--bundle", tiny, "--method", "fade", "--target", target,
        "--region", "box:2,2,10,10", "--set", "steps=4", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0
    assert json.loads(printed)["settings"] == {"steps": 4}
    saved = np.asarray(Image.open(tmp_path / "out" / "counterfactual.png"))
    assert np.array_equal(saved[2:10, 2:10], 255 - picture[2:10, 2:10, 0])
    assert np.array_equal(saved[10:], picture[10:, :, 0])
