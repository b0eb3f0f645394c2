"""A regressor is asked for more or less than a value; methods that know classes say no."""

import numpy as np
import pytest
import torch

from backends import bundles, imaging, registry, service
from backends.core import Request
from backends.errors import BadInput
from backends.targets.threshold import Regressor, Threshold, parse


@pytest.mark.parametrize(
    ("text", "meaning"), [("more than 3.5", (1, 3.5)), ("less than -2", (0, -2))]
)
def test_goals(text, meaning):
    assert parse(text) == meaning


@pytest.mark.parametrize("text", ["", "3", "more than", "more than x", "more than nan", "9"])
def test_no_goal_is_one_sentence(text):
    with pytest.raises(BadInput, match=r"more than 3\.5, or: less than 2"):
        parse(text)


def test_threshold_is_where_the_odds_are_even():
    f = Threshold(Regressor(lambda x: x.mean((1, 2, 3)), usual=5), 0.5)
    x = torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1, 1)
    assert torch.allclose(
        f.probabilities(x)[:, 1].logit(), torch.tensor([-1.0, 0.0, 1.0]), atol=1e-5
    )
    assert f.class_names == ["less than 0.5", "more than 0.5"]


@pytest.fixture
def ask(tiny, picture):
    value = service.predict(tiny, picture, "width").value

    def make(method, side, by, **settings):
        goal = f"{side} than {value + by:.4f}"
        return Request(tiny, method, goal, picture, settings=settings, model="width")

    return make


def measured(tiny, array):
    return float(bundles.find(tiny).part("width")(imaging.to_tensor(array)))


@pytest.mark.parametrize(("side", "by", "sign"), [("more", 0.002, 1), ("less", -0.002, -1)])
def test_the_value_passes_the_goal(tiny, ask, picture, side, by, sign):
    *_, answer = service.explain(ask("adversarial", side, by, steps=60, rate=0.02))
    before, after = measured(tiny, picture), measured(tiny, answer.counterfactual)
    assert sign * (after - before - by) > 0
    assert answer.record["flipped"] is True
    assert answer.record["metrics"]["value"] == pytest.approx(after, abs=1e-5)
    assert answer.record["oracle"] is None
    assert "log_density" not in answer.record["metrics"]
    assert answer.record["counterfactual"]["label"] == answer.record["target"]


def test_what_is_already_so_is_refused(ask):
    with pytest.raises(BadInput, match="already says"):
        list(service.explain(ask("adversarial", "more", -0.01)))


@pytest.mark.parametrize("name", registry.METHODS)
def test_methods_that_know_classes_refuse(name, ask):
    steps = service.explain(
        ask(name, "more", 0.01, steps=3)
        if hasattr(registry.method(name).Config(), "steps")
        else ask(name, "more", 0.01)
    )
    if registry.method(name).knows_classes:
        with pytest.raises(BadInput, match="trained for the bundle's classes"):
            next(steps)
    else:
        assert isinstance(next(steps).picture, np.ndarray)
        steps.close()


def test_unknown_model_is_one_sentence(tiny, picture):
    with pytest.raises(BadInput, match="choose from: classifier, width"):
        list(service.explain(Request(tiny, "rcsb", "more than 1", picture, model="height")))


USUAL = 2.2  # pixels between the thinnest and the thickest of the suggested strokes
# By which share of it an answer may lie past the value: what ends anywhere by a search's last step,
# what walks over a fixed number of noise levels by what its last, unguided ones change.
PASSED = {
    "diffeomorphic": ({}, 0.04),
    "diffeomorphic_vae": ({}, 0.04),
    "diffeomorphic_gan": ({"inversion": 60}, 0.05),
    "revise": ({}, 0.08),
    "adversarial": ({"rate": 0.004}, 0.02),
    "rcsb": ({}, 0.7),
    "inpainting": ({"steps": 25}, 0.5),
    "dvce": ({"steps": 25}, 0.5),
    "fastdime": ({"steps": 25}, 0.5),
    "opt": ({}, 0.5),
    "natural": ({}, 0.5),
}


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("name", PASSED)
def test_a_digit_becomes_as_thick_as_asked_and_hardly_thicker(name):
    settings, most = PASSED[name]
    found = bundles.get("digits")
    file = found.folder / found.manifest.examples[2].file
    picture = service.prepare("digits", imaging.read_picture(file))
    asked = Request("digits", name, "more than 3.2", picture, settings=settings, model="thickness")
    *_, answer = service.explain(asked)
    value = answer.record["metrics"]["value"]
    assert answer.record["flipped"]
    assert 0 < value - 3.2 < most * USUAL


def test_every_method_that_explains_a_regressor_is_tried_above():
    able = {name for name in registry.METHODS if not registry.method(name).knows_classes}
    assert able == set(PASSED) | {"ldce_txt"}  # for which no digits' parts are published
