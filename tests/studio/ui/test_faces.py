"""A bundle with a generator on the page: new faces, other models, variants that stand in, and the
way from one bundle to another."""

import asyncio
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from backends import bundles, service
from backends.regions.spec import Whole
from studio.runs import Runs
from studio.runs.study import Study
from studio.ui.page import build
from studio.ui.shared import answer_markup, canvas, form, frames, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.model_list import Offered
from tests.faces import SIDE, write_faces
from tests.studio.conftest import controller_of

ME = SimpleNamespace(session_hash="me")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("faces") / "faces")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def controller(faces, tmp_path):
    with controller_of(faces, tmp_path) as made:
        yield made


def sample(controller, seed):
    return asyncio.run(controller.sample("me", seed))


def test_a_seed_is_a_face(controller):
    one, same, other = (sample(controller, seed).picture for seed in (1, 1, 2))
    assert one.shape == (SIDE, SIDE, 3)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_another_classifier_is_in_the_target_list(controller):
    shown = sample(controller, 1)
    opinion = shown.opinions["gender"]
    (model,) = [
        choice for choice in controller.models.choices(Offered()) if choice.name == "gender"
    ]
    ((_, goal),) = controller.models.goals(model, opinion)
    assert goal == ("m" if opinion.label == "f" else "f")
    posed = (shown.picture, "", Whole(), "gender", goal, "diffeomorphic_gan", {}, 0)
    request = controller.request(*posed)
    assert (request.model, request.target) == ("gender", goal)


def test_variants_stand_in_where_there_is_no_flow(controller):
    assert "flow" in controller.about["methods"]["diffeomorphic"]["problem"]
    folded = form.folded(controller.about["methods"])
    assert "diffeomorphic_gan" not in folded
    assert "adversarial" in folded


def test_frames_may_be_smaller_than_the_answer(controller):
    shown = sample(controller, 1)
    goal = shown.prediction.probabilities
    target = list(goal)[1]
    request = controller.request(
        shown.picture, "", Whole(), None, target, "diffeomorphic_gan", {"steps": 4}, 0
    )  # fmt: skip

    async def follow():
        return [run async for run in frames.follow(controller.runs, request, "me")][-1]

    run = asyncio.run(follow())
    assert run.answer is not None, run.reason
    assert run.answer.counterfactual.shape == (SIDE, SIDE, 3)
    assert '<img class="frame"' in markup.frame(frames.newest(run))


def test_large_pictures_are_sent_lossy_and_never_enlarged():
    from PIL import Image

    large = canvas.preview(Image.new("RGB", (300, 300)), 512)
    assert large.startswith("data:image/jpeg")
    scene = json.loads(canvas.scene(Image.new("L", (300, 300))))
    assert scene["picture"].startswith("data:image/jpeg")


def block(page, elem_id):
    (found,) = [b for b in page.blocks.values() if b.elem_id == elem_id]
    return found


def event(page, elem_id, name):
    """What the page does when something happens to an element."""
    of = (block(page, elem_id)._id, name)
    return next(f for f in page.fns.values() if of in f.targets)


@pytest.mark.slow
def test_changing_the_bundle_changes_the_page(controller, tiny):
    page = build(controller, [tiny])
    chooser = block(page, "bundle")
    assert [value for _, value in chooser.choices] == [controller.bundle, tiny]
    change = event(page, "bundle", "input")
    kept = change.fn(tiny, tiny, {}, ME)
    assert len(kept) == 1, "a list closed without a choice"
    shown = {b.elem_id: update for b, update in change.fn(tiny, "", {}, ME).items()}
    assert "Tiny." in shown["page-title"]
    assert {value for _, value in shown["method"]["choices"]} == {
        name for name, m in service.about(tiny)["methods"].items() if m["problem"] is None
    }
    assert '"empty": true' in shown["factual"]["scene"], "another bundle cannot use the picture"
    assert shown["target"]["choices"] == []
    outputs = {b.elem_id for b in change.outputs}
    assert set(shown) <= outputs


@pytest.mark.slow
def test_changing_the_bundle_brings_its_own_settings(controller, tiny, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    own = {"blending_leaps": 10, "blending_size": 0.0125}
    manifest = bundles.find(tiny).manifest
    settings = {"leapfactual": own}
    bundles.write_manifest(other, manifest.model_copy(update={"settings": settings}))
    page = build(controller, [tiny, str(other)])
    change = event(page, "bundle", "input")
    for name in (str(other), tiny):
        shown = change.fn(name, "", {}, ME)
        schema = service.about(name)["methods"]["leapfactual"]["schema"]["properties"]
        assert (schema["blending_leaps"]["default"] == 10) is (name == str(other))
        for key in own:
            title = schema[key]["title"]
            (update,) = [u for b, u in shown.items() if getattr(b, "label", "") == title]
            assert update["value"] == schema[key]["default"], name
            if key == "blending_size":
                on_the_scale = (update["value"] - update["minimum"]) / update["step"]
                assert on_the_scale == pytest.approx(round(on_the_scale))


@pytest.mark.slow
def test_parts_are_loaded_ahead_once_and_again_when_there_are_more(tiny, tmp_path, monkeypatch):
    warmed = []
    monkeypatch.setattr(service, "warm", warmed.append)
    folder = tmp_path / "growing"
    shutil.copytree(tiny, folder)
    (folder / "velocity.safetensors").rename(folder / "elsewhere")
    engine = EagerEngine()
    runs = Runs(engine, service.explain, service.stopped)
    first = BundleController(tiny, runs, tmp_path, Study(tmp_path / "choices.jsonl"), warmed=True)
    change = event(build(first, [str(folder)]), "bundle", "input")
    assert warmed == [tiny]
    for name in (str(folder), tiny, str(folder)):
        change.fn(name, "", {}, ME)
    assert warmed == [tiny, str(folder)]
    (folder / "elsewhere").rename(folder / "velocity.safetensors")
    for _ in range(2):
        change.fn(str(folder), "", {}, ME)
    assert warmed == [tiny, str(folder), str(folder)]


class EagerEngine:
    """Begins what it is given at once, and does no more of it."""

    def submit(self, work, owner, sink, turn="fair"):
        assert turn == "idle", "never before what people wait for"
        work()


def test_a_bundle_that_the_page_does_not_offer_is_refused(controller):
    with pytest.raises(Exception, match="no bundle '/etc'"):
        Controllers(controller)["/etc"]


def test_the_rebuilding_error_is_said():
    record = {
        "factual": {"label": "no"}, "target": "yes", "status": "flipped", "oracle": None,
        "counterfactual": {"label": "yes", "probabilities": {"yes": 0.9}},
        "metrics": {"reconstruction_error": 0.0432},
    }  # fmt: skip
    assert "error of 0.043" in answer_markup.answer_line(record)
    assert "error" not in answer_markup.answer_line(record | {"metrics": {}})
