"""The page's wiring, without a browser."""

import asyncio
import inspect
import io
import itertools
import json
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from backends import service
from backends.core import Answer
from backends.errors import BadInput, NotFound
from backends.regions.spec import Given, Whole
from studio import export
from studio.engines.budgets import Budgets
from studio.ui import serving
from studio.ui.explain.adjust_input import _read
from studio.ui.hosting.sessions import use_light_sessions
from studio.ui.page import build
from studio.ui.serving import launch_options
from studio.ui.shared import canvas, form, frames, shortcuts
from studio.ui.shared.factual import Factual
from studio.ui.shared.model_list import Offered
from studio.ui.shared.requests import uploaded

IDS = {
    "factual", "prediction", "region-source", "region-preview", "target", "method", "seed", "run",
    "stop", "frame", "trajectory-plot", "status", "counterfactual", "difference", "metrics",
    "history", "download", "compare-run", "compare-table", "bundle", "fetch-run", "new-face",
    "known-words", "phrase", "candidates", "alternatives", "show-shortcuts", "label-image",
    "label-choices", "label-undo", "label-progress", "path-choices",
}  # fmt: skip


@pytest.fixture
def page(controller):
    return build(controller)


def test_element_ids_and_shortcuts(page):
    found = {block.elem_id for block in page.blocks.values() if block.elem_id}
    templates = [
        f"{getattr(block, 'html_template', '')} {getattr(block, 'value', '')}"
        for block in page.blocks.values()
    ]
    found |= set(re.findall(r'id="([\w-]+)"', " ".join(templates)))
    assert found >= IDS
    selectors = " ".join(selector for selector, _ in shortcuts.SHORTCUTS.values())
    assert set(re.findall(r"#([\w-]+)", selectors)) <= found


def test_api_names(page):
    public = {f.api_name for f in page.fns.values() if f.api_visibility == "public"}
    assert public == {"explain", "predict", "region", "bundles", "methods", "label"}


def test_the_canvas_is_never_an_input(page):
    for function in page.fns.values():
        assert all(block.elem_id not in ("factual", "sketch") for block in function.inputs)


def test_progress_is_shown_in_few_places(page):
    """Or each change of any event is told to every control that any event ever filled."""
    ours = [f for f in page.fns.values() if f.api_visibility == "private" and f.outputs]
    assert len(ours) > 100
    for function in ours:
        places = function.show_progress_on
        told = function.outputs if places is None else places
        assert len(told) <= (0 if function.show_progress == "hidden" else 8), function.name


def test_a_new_session_costs_little(page):
    use_light_sessions()
    app = gr.routes.App.create_app(page)
    session = app.state_holder["somebody"]
    assert session.config_values == {}
    assert len(session.blocks_config.blocks) == len(page.blocks)
    assert app.state_holder["somebody"] is session


@pytest.mark.slow
def test_no_folder_is_served(tiny, monkeypatch):
    served = {}
    monkeypatch.setattr(gr.Blocks, "launch", lambda page, **options: served.update(options))
    monkeypatch.setattr(service, "warm", lambda name: iter(()))
    serving.launch(host="127.0.0.1", port=0, bundle=tiny, engine="local")
    assert "allowed_paths" not in served, "a page's pictures are sent with it"


def test_nothing_is_shared_with_outside_hosts():
    options = launch_options()
    assert options["share"] is False
    assert options["enable_monitoring"] is False
    assert options["run_history"] is False
    assert options["ssr_mode"] is False


def ask(controller, picture, **changes):
    label = service.predict(controller.bundle, picture).label
    values = {
        "picture": picture, "mask": "", "region": Whole(), "model": None,
        "target": "b" if label != "b" else "c",
        "method": "leapfactual", "settings": {}, "seed": 0,
    } | changes  # fmt: skip
    return controller.request(**values)


def ended_run(controller, picture):
    async def follow():
        request = ask(controller, picture)
        return [run async for run in frames.follow(controller.runs, request, "me")][-1]

    return asyncio.run(follow())


def test_a_run_is_followed_to_its_files(controller, picture):
    run = ended_run(controller, picture)
    assert isinstance(run.answer, Answer)
    with zipfile.ZipFile(controller.archive(run)) as archive:
        assert "result.json" in archive.namelist()
    panels = frames.panels(run)
    assert panels.pair.count("data:image/png") == 2
    assert panels.further.count("data:image/png") == 2 * len(run.answer.alternatives)
    rebuilt = run.answer.reconstruction is not None
    assert panels.differences.count("data:image/png") == 2 + 2 * rebuilt


def test_leaving_the_page_stops_the_run(controller, picture):
    async def leave():
        request = ask(controller, picture, settings={"blending_leaps": 300})
        following = frames.follow(controller.runs, request, "me")
        run = await anext(following)
        await following.aclose()
        async for _ in run.watch(0.05):
            pass
        return run

    run = asyncio.run(leave())
    assert run.state == "stopped"
    assert len(run.frames) < 300


@pytest.mark.parametrize("meta", [None, {}, {"_type": "x"}, {"_type": "gradio.FileData"}])
def test_only_uploaded_files_are_opened(meta, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("L", (4, 4)).save(secret)
    for path in (str(secret), "/etc/passwd", "", None):
        with pytest.raises(BadInput, match="upload it again"):
            uploaded({"path": path, "meta": meta})


def test_showing_the_same_scene_again_is_news(picture):
    image = export.as_picture(picture)
    assert canvas.scene(image) != canvas.scene(image)


def test_files_of_forgotten_runs_are_removed(controller, picture):
    run = ended_run(controller, picture)
    path = Path(controller.archive(run))
    assert path.is_file()
    controller.forget(run)
    assert list(controller.results.iterdir()) == []


def test_a_closed_page_leaves_nothing(controller, page, picture):
    run = ended_run(controller, picture)
    controller.archive(run)
    (leave,) = [
        f for f in page.fns.values() if any(name == "unload" for _, name in f.targets)
    ]  # fmt: skip
    for _ in range(2):  # a page may come back and be closed again
        leave.fn(SimpleNamespace(session_hash="me"))
        assert controller.runs.of("me") == []
        assert list(controller.results.iterdir()) == []
    with pytest.raises(NotFound, match="run it again"):
        controller.archive(run)  # by who still followed it
    assert list(controller.results.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"picture": None}, "picture first"),
        ({"target": None}, "should say instead"),
        ({"region": Given()}, "region is empty"),
        ({"region": Given(), "mask": "hello"}, "no PNG"),
    ],
)
def test_what_is_missing_is_said(controller, picture, changes, words):
    values = {"mask": "", "region": Whole(), "model": None, "target": "b", "method": "leapfactual",
              "settings": {}, "seed": 0, "picture": picture} | changes  # fmt: skip
    with pytest.raises(BadInput, match=words):
        controller.request(**values)


def test_a_quick_job_returns_or_raises(controller):
    assert asyncio.run(controller.ask("me", lambda: 42)) == 42

    def fail():
        raise BadInput("no ink was found")

    with pytest.raises(Exception, match="no ink"):
        asyncio.run(controller.ask("me", fail))


def test_scene_round_trip(picture):
    overlay = canvas.Overlay(picture[..., 0], "words", "text:cat")
    scene = json.loads(canvas.scene(export.as_picture(picture), overlay))
    for url in (scene["picture"], scene["laid"]["mask"]):
        seen = Image.open(io.BytesIO(canvas.from_data_url(url)))
        assert seen.size == (16, 16)


def test_a_regressor_is_a_model_that_can_be_asked(controller, picture):
    shown = asyncio.run(controller.show("me", Image.fromarray(picture[..., 0])))
    (width,) = [choice for choice in controller.models.choices(Offered()) if choice.name == "width"]
    goals = [goal for _, goal in controller.models.goals(width, shown.opinions["width"])]
    assert len(goals) == 3
    request = controller.request(picture, "", Whole(), "width", goals[0], "adversarial", {}, 0)
    assert (request.model, request.target) == ("width", goals[0])
    request = controller.request(picture, "", Whole(), None, "a", "adversarial", {}, 0)
    assert request.model == "classifier"


JUNK = (None, [], ["x"], {"x": 1}, 3, "nothing", [[]], True)


def test_handlers_without_gradios_checks_answer_anything_with_a_sentence(page, controller):
    """Who knows their address sends what no control has."""
    visitor = SimpleNamespace(session_hash="eve", client=None)
    unchecked = [
        f
        for f in page.fns.values()
        if callable(f.fn) and f.inputs and not f.preprocess and f.api_visibility != "public"
    ]
    assert len(unchecked) > 10
    for function in unchecked:
        names = list(inspect.signature(function.fn).parameters)
        usual = [getattr(block, "value", None) for block in function.inputs]
        for i, junk in itertools.product(range(len(usual)), JUNK):
            if isinstance(function.inputs[i], gr.State):
                continue  # the server's own
            given = [*usual[:i], junk, *usual[i + 1 :]]
            try:
                if "request" in names:
                    given.insert(names.index("request"), visitor)
                told = function.fn(*given)
                if inspect.iscoroutine(told):
                    asyncio.run(told)
            except gr.Error:
                continue
            except Exception as error:
                where = function.fn.__qualname__, function.inputs[i].elem_id
                raise AssertionError(f"{where}, {junk!r}: {error!r}") from error


@pytest.mark.parametrize("name", ["_pick_card", "_choose"])
def test_an_unknown_bundle_is_told_in_a_sentence(page, name):
    functions = [
        f for f in page.fns.values() if getattr(f.fn, "__qualname__", "") == f"_Page.{name}"
    ]
    assert functions
    values = {"_pick_card": ["nowhere", {}], "_choose": ["nowhere", "", {}]}[name]
    visitor = SimpleNamespace(session_hash="eve", client=None)
    for function in functions:
        with pytest.raises(gr.Error, match="no bundle 'nowhere'"):
            function.fn(*values, visitor)


def test_a_look_at_a_picture_that_is_too_much_is_told_in_a_sentence(page, controller, picture):
    (look,) = [f for f in page.fns.values() if getattr(f.fn, "__name__", "") == "_note_picture"]
    controller.runs.engine.budgets = budgets = Budgets({"seconds": 1})
    budgets.spend("me@1.2.3.4", "seconds", 2)
    seen = Factual(controller.bundle, picture)
    visitor = SimpleNamespace(
        session_hash="me", client=SimpleNamespace(host="1.2.3.4"), headers={}
    )  # fmt: skip
    with pytest.raises(gr.Error, match="You have used the device"):
        asyncio.run(look.fn(seen, visitor))


def test_an_example_that_is_none_is_told_in_a_sentence(page, controller):
    (pick,) = [f for f in page.fns.values() if getattr(f.fn, "__name__", "") == "pick_example"]
    visitor = SimpleNamespace(session_hash="eve", client=None)
    for file in ("../../etc/passwd", None, ["x"]):
        with pytest.raises(gr.Error, match="not among the examples"):
            asyncio.run(pick.fn(file, controller.bundle, visitor))
    with pytest.raises(gr.Error, match="no bundle"):
        asyncio.run(pick.fn("x", "nowhere", visitor))


@pytest.mark.parametrize("wanted", ["[" * 100_000, "", "3", None, '{"turn": []}'])
def test_an_adjustment_that_is_none_is_told_in_a_sentence(wanted):
    with pytest.raises(BadInput, match="draw the frame anew"):
        _read(wanted)


def test_settings_that_are_too_long_are_told_beside_them(page, controller):
    functions = {getattr(f.fn, "__name__", ""): f for f in page.fns.values()}
    long = "a" + " " * 100_000 + "b"
    typed, ticked = functions["_typed"].fn, functions["_ticked"].fn
    with pytest.raises(gr.Error, match="100002 characters"):
        typed(controller.bundle, "leapfactual", "blending_leaps", long)
    with pytest.raises(gr.Error, match="100002 characters"):
        ticked(controller.bundle, "leapfactual", "blending_leaps", long, [], [])


def test_the_seed_tells_when_it_changes_nothing(page, controller):
    (seed,) = [block for block in page.blocks.values() if block.elem_id == "seed"]
    assert not controller.methods()["leapfactual"]["seeded"], "the first method draws nothing"
    assert "changes nothing" in seed.info
    assert "same answer" in form.seed_info(controller.methods()["rcsb"])
