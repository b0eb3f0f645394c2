"""Words and clicks on the page, with tiny random networks behind them."""

import asyncio
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from backends import service
from backends.errors import BadInput
from backends.regions import grounding
from backends.regions.candidates import Candidate, Found, Missed
from backends.regions.settings import AutoRegion
from backends.regions.spec import RegionSpec
from backends.service import regions as region_service
from studio.ui.explain.region_prompts import RegionPrompts
from studio.ui.page import build
from studio.ui.shared import canvas
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from tests.backends.service.test_regions import SIZE, write_grounding, write_photographs
from tests.studio.conftest import controller_of

ME = SimpleNamespace(session_hash="me")
LONG = "points:" + "+1,2;" * 300


@pytest.fixture(scope="module")
def speaking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speaking") / "photographs"
    write_grounding(folder / region_service.DETECTOR)
    return write_photographs(folder)


@pytest.fixture
def controller(speaking, tmp_path):
    with controller_of(speaking, tmp_path) as made:
        yield made


@pytest.fixture
def language(controller):
    with gr.Blocks():
        made = RegionPrompts(Controllers(controller))
        made.below()
        bundle = gr.Dropdown([controller.bundle], value=controller.bundle)
        made.wire(gr.State(), bundle, gr.Radio(), canvas.region_canvas("factual", ""))
    return made


@pytest.fixture
def seen(speaking):
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return Factual(speaking, pixels)


def thing(label, rows, score=0.5):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[rows] = 255
    return Candidate(label, score, mask)


def overlay(shown, language):
    """What a handler's answer lays over the canvas."""
    return json.loads(shown.get(language.board, shown)["scene"]).get("laid")


def mask_of(over):
    return Image.open(io.BytesIO(canvas.from_data_url(over["mask"])))


def search(language, seen, phrase, found=(), chosen=(), **more):
    return asyncio.run(language.search(phrase, seen, list(found), list(chosen), ME, **more))


def test_the_best_of_each_word_is_ticked_and_laid(language, seen, monkeypatch):
    cat, other, dog = thing("cat", 1, 0.9), thing("cat", 2, 0.5), thing("dog", 3, 0.4)
    monkeypatch.setattr(region_service, "candidates", lambda *_: Found([cat, other, dog]))
    shown = search(language, seen, "cat, dog")
    assert shown[language.chips]["value"] == [0, 2]
    assert shown[language.chips]["choices"][1] == ("cat · 0.50", 1)
    over = overlay(shown, language)
    assert np.flatnonzero(np.asarray(mask_of(over)).any(1)).tolist() == [1, 3]
    assert (over["source"], over["story"]) == ("words", "text:cat, dog")
    assert shown[language.source] == "words"


def test_a_second_search_joins_the_first(language, seen, monkeypatch):
    cat, dog = thing("cat", 1), thing("dog", 3)
    monkeypatch.setattr(region_service, "candidates", lambda *_: Found([replace(cat), dog]))
    shown = search(language, seen, "cat, dog", [cat])
    assert [one.label for one in shown[language.found]] == ["cat", "dog"], "no double"
    assert shown[language.chips]["value"] == [0, 1]


def test_chips_toggle(language, seen):
    cat, dog = thing("cat", 1), thing("dog", 3)
    over = overlay(language.toggle(seen, [cat, dog], [1]), language)
    assert np.flatnonzero(np.asarray(mask_of(over)).any(1)).tolist() == [3]
    assert over["story"] == "text:dog"
    assert overlay(language.toggle(seen, [cat, dog], []), language)["mask"] is None


def test_what_is_below_the_threshold_is_offered_not_laid(language, seen, monkeypatch):
    asked = []

    def candidates(bundle, picture, phrase, settings):
        asked.append((phrase, settings))
        if settings:
            return Found([thing(phrase, 1, settings["threshold"])])
        return Found([], [Missed("beard", 0.3, 0.224), Missed("hat", 0.3)])

    monkeypatch.setattr(region_service, "candidates", candidates)
    shown = search(language, seen, "beard, hat")
    assert language.board not in shown, "no mask, neither empty nor full"
    assert "Nothing found for &#39;beard&#39; at 0.30, best 0.22" in shown[language.offer]
    assert "try another word" in shown[language.offer]
    assert shown[language.use]["visible"]
    assert shown[language.use]["value"] == "Use 'beard' at 0.22"
    missed = shown[language.missed]
    shown = asyncio.run(language.search_lower(missed, seen, [], [], ME))
    assert asked[-1] == ("beard", {"threshold": 0.22})
    assert [one.label for one in shown[language.found]] == ["beard"]
    assert [one.phrase for one in shown[language.missed]] == ["hat"]
    assert not shown[language.use]["visible"]


def test_words_through_the_networks(language, seen):
    shown = search(language, seen, "cat", settings={"threshold": 0.01})
    assert shown[language.found]
    assert set(np.unique(mask_of(overlay(shown, language)))) == {0, 255}


def test_without_a_picture_or_the_detector_a_sentence(language, seen, monkeypatch):
    assert "picture first" in search(language, None, "cat")[language.offer]
    monkeypatch.setattr(grounding, "is_here", lambda: False)
    monkeypatch.setattr(region_service, "DETECTOR", "nowhere")
    shown = search(language, seen, "cat")
    assert "Grounding DINO, which is not here" in shown[language.offer]
    assert language.board not in shown


def test_clicks_update_the_mask_and_one_click_has_sizes(language, seen):
    shown = asyncio.run(language.click("[[20, 20, 1]]", seen, ME))
    over = overlay(shown, language)
    assert (over["count"], over["source"], over["story"]) == (1, "clicks", "points:+20,20")
    sizes = shown[language.sizes]
    assert sizes["visible"]
    assert len(sizes["choices"]) in (2, 3)
    taken, parts = sizes["value"], shown[language.parts]
    assert np.array_equal(np.asarray(mask_of(over)), parts[taken][0].mask)
    other = overlay(language.resize(0, seen, parts), language)
    assert other["replaces"]
    assert other["story"] == "points:+20,20;choice=1"
    request = region_service.mask_of(
        seen.bundle, seen.pixels, RegionSpec.parse("points:+20,20;choice=1")
    )
    assert np.array_equal(np.asarray(mask_of(other)), request), "the command line's words for it"

    shown = asyncio.run(language.click("[[20, 20, 1], [40, 8, 0]]", seen, ME))
    assert overlay(shown, language)["story"] == "points:+20,20;-40,8"
    assert not shown[language.sizes]["visible"]


@pytest.mark.parametrize("points", ["[[20, 20, 0]]", "[[900, 3, 1]]"])
def test_a_click_that_gives_nothing_is_taken_back(language, seen, points):
    shown = asyncio.run(language.click(points, seen, ME))
    scene = json.loads(shown[language.board]["scene"])
    assert scene["refused"] == 1
    assert "laid" not in scene
    assert "click" in scene["message"], "beside the picture, where it covers nothing"


@pytest.mark.parametrize("points", [
    "no JSON", "[" * 100_000, "3", "[3]", "[[1, 2]]", '[["x", 1, 1]]', "[[1e999, 2, 1]]",
    "[[1, 2, NaN]]", "{}", "null", None,
])  # fmt: skip
def test_clicks_that_are_none_are_refused_in_a_sentence(language, seen, points):
    shown = asyncio.run(language.click(points, seen, ME))
    scene = json.loads(shown[language.board]["scene"])
    assert "click again" in scene["message"]


def test_an_offer_that_is_gone_changes_nothing(language, seen):
    for missed in ([], [Missed("hat", 0.3)]):
        shown = asyncio.run(language.search_lower(missed, seen, [], [], ME))
        assert all(update == gr.skip() for update in shown.values())
    for which in (None, "x", -1, 7):
        assert language.resize(which, seen, []) == gr.skip()


def scene_of(shown, language):
    return json.loads(shown.get(language.board, shown)["scene"])


def test_what_is_laid_says_for_which_picture(language, seen, controller, monkeypatch):
    cat = thing("cat", 1)
    monkeypatch.setattr(region_service, "candidates", lambda *_: Found([cat]))
    put = asyncio.run(controller.show("me", Image.fromarray(seen.pixels)))
    of = json.loads(put.scene)["of"]
    assert of == Factual(controller.bundle, put.picture).digest
    other = Factual(seen.bundle, 255 - seen.pixels)
    assert len({of, other.digest, Factual("another bundle", put.picture).digest}) == 3
    now = Factual(controller.bundle, put.picture)
    clicked = asyncio.run(language.click("[[20, 20, 1]]", now, ME))
    refused = asyncio.run(language.click("[[20, 20, 0]]", now, ME))
    proposed, _ = asyncio.run(controller.propose("me", now.pixels, None, {}))
    scenes = [
        scene_of(search(language, now, "cat"), language),
        scene_of(language.toggle(now, [cat], [0]), language),
        scene_of(clicked, language), scene_of(refused, language),
        scene_of(language.resize(0, now, clicked[language.parts]), language),
        json.loads(proposed),
    ]  # fmt: skip
    assert [scene["of"] for scene in scenes] == [of] * len(scenes)


@pytest.mark.parametrize("next_one", ["another picture", "another bundle"])
@pytest.mark.parametrize("fails", [False, True])
def test_what_was_found_in_the_picture_before_is_dropped(
    language, seen, monkeypatch, next_one, fails
):
    def candidates(*_):
        other = Factual(seen.bundle, 255 - seen.pixels)
        language.controllers.now("me", other if next_one == "another picture" else None)
        if fails:
            raise BadInput("no such word")
        return Found([thing("cat", 1)])

    monkeypatch.setattr(region_service, "candidates", candidates)
    language.controllers.now("me", seen)
    language.controllers.now("you", seen)
    known = asyncio.run(language.search_known(["cat"], seen, [], [], ME))
    for shown in (known, search(language, seen, "cat")):
        assert shown, "no update at all would be an error"
        assert all(update == gr.skip() for update in list(shown.values())[1:]), "no chips"
        assert "scene" not in shown[language.board]
    assert language.controllers.still("you", seen), "another person's page"


def test_a_click_on_the_picture_before_is_dropped(language, seen):
    language.controllers.now("me", Factual(seen.bundle, 255 - seen.pixels))
    shown = asyncio.run(language.click("[[20, 20, 1]]", seen, ME))
    assert shown == {language.board: gr.skip()}
    assert language.resize(2, seen, []) == gr.skip()


def test_a_proposal_for_the_picture_before_is_dropped(controller, seen, monkeypatch):
    page = build(controller)
    button = visible(page, "propose")
    press = next(f.fn for f in page.fns.values() if (button._id, "click") in f.targets)
    (change,) = [
        f
        for f in page.fns.values()
        if (visible(page, "bundle")._id, "input") in f.targets and f.fn.__name__ == "_choose"
    ]
    settings = [f.default for f in AutoRegion.model_fields.values()]
    shown = asyncio.run(press(ME, seen, None, *settings))
    assert shown[1] == "auto"
    propose = service.propose

    def slow(*asked):
        change.fn(controller.bundle, "", {}, ME)
        return propose(*asked)

    monkeypatch.setattr(service, "propose", slow)
    assert list(asyncio.run(press(ME, seen, None, *settings))) == [gr.skip()] * 3


def visible(page, elem_id):
    (block,) = [b for b in page.blocks.values() if b.elem_id == elem_id]
    return block


@pytest.mark.slow
def test_digits_are_not_offered_words(controller, tiny, speaking):
    photographs = visible(build(controller), "region-source")
    assert {"words", "clicks"} <= {value for _, value in photographs.choices}
    about = service.about(tiny) | {"preparation": "digit"}
    digits = BundleController(tiny, controller.runs, controller.results, controller.study)
    digits.about = about
    source = visible(build(digits), "region-source")
    assert {value for _, value in source.choices} == {"whole", "painted", "auto"}


@pytest.mark.parametrize(
    ("source", "story", "region"),
    [
        ("whole", "text:cat", "whole"), ("auto", "", "auto"),
        ("auto", "painted", "painted"), ("auto", "auto:area=0.2", "auto:area=0.2"),
        ("painted", "painted and auto:area=0.2", "painted and auto:area=0.2"),
        ("words", "text:cat", "text:cat"), ("words", "", "painted"),
        ("clicks", LONG, f"beginning with {LONG[:1000]}…"),
    ],
)  # fmt: skip
def test_how_a_region_is_named(source, story, region):
    assert str(RegionSpec.chosen(source, story)) == region


def test_words_without_a_mask_are_refused_not_looked_up(controller, seen):
    with pytest.raises(Exception, match="region is empty"):
        controller.request(
            seen.pixels, "", RegionSpec.parse("text:cat"), None, "a", "adversarial", {}, 0
        )
