"""Taking an answer and a comparison away from the page."""

import asyncio
import zipfile
from contextlib import aclosing
from types import SimpleNamespace

import gradio as gr
import pytest

from backends.errors import MissingPart, NotFound
from studio.export import film
from studio.runs.comparison import Comparisons, questions
from studio.ui.compare import take_away as compare
from studio.ui.explain import take_away as explain
from studio.ui.shared import frames

ME = SimpleNamespace(session_hash="me")


def finished(controller, request):
    async def follow():
        return [run async for run in frames.follow(controller.runs, request, "me")][-1]

    return asyncio.run(follow())


@pytest.fixture
def run(controller, ask):
    return finished(controller, ask("leapfactual", region="box:2,2,14,12"))


@pytest.fixture
def menu(controller):
    with gr.Blocks():
        yield explain.TakeAway(controller)


def taken(menu, key, which):
    """What the page shows, one after the other, when a button is pressed."""

    async def press():
        return [shown async for shown in menu._menu._take(key, which, ME)]

    return asyncio.run(press())


def test_nothing_is_made_before_it_is_asked_for(menu, controller, run):
    shown = menu.show(run)
    assert list(controller.results.iterdir()) == []
    assert shown[menu._menu._panel]["visible"] is True
    assert "cs.explain(" in shown[menu._menu._code]
    path = menu.written(run.id, "html", "me")
    assert path.name == "report.html"
    assert [p.name for p in controller.results.rglob("*") if p.is_file()] == ["report.html"]
    before = path.stat().st_mtime_ns
    assert menu.written(run.id, "html", "me").stat().st_mtime_ns == before, "made once"


def test_the_zip_has_the_pictures_and_the_reports(menu, run):
    with zipfile.ZipFile(menu.written(run.id, "zip", "me")) as archive:
        names = set(archive.namelist())
    assert {"factual.png", "region.png", "result.json", "report.html", "report.pdf"} <= names


def test_files_go_with_their_run(menu, controller, run):
    menu.written(run.id, "strip", "me")
    controller.runs.forget(run)
    assert list(controller.results.iterdir()) == []
    with pytest.raises(NotFound, match="run it again"):
        menu.written(run.id, "strip", "me")


def test_a_button_ends_with_a_file_or_with_a_sentence(menu, run, monkeypatch):
    making, made = taken(menu, "gif", run.id)
    assert making[menu._menu._file] is None
    assert made[menu._menu._file].endswith("trajectory.gif")
    monkeypatch.setattr(film, "find_spec", lambda name: None)
    with pytest.raises(MissingPart):
        menu.written(run.id, "mp4", "me")
    making, told = taken(menu, "mp4", run.id)
    assert making[menu._menu._file] is None
    assert "counterfactual-studio[video]" in told[menu._menu._said]
    assert menu._menu._file not in told, "nothing is saved"


def test_an_answer_that_is_going_on_cannot_be_taken(menu, run):
    going = SimpleNamespace(ended=False, answer=run.answer)
    assert menu.show(going)[menu._menu._panel]["visible"] is False


def test_a_comparison_is_taken_away_with_its_choice(controller, ask):
    comparisons = Comparisons(controller.runs, controller.results, controller.study)
    comparison = comparisons.open("me", questions(ask("leapfactual"), ["leapfactual"], [0, 1]))

    async def follow():
        async with aclosing(comparisons.follow(comparison)) as news:
            async for _ in news:
                pass

    asyncio.run(follow())
    with gr.Blocks():
        menu = compare.ComparisonTakeAway(comparisons)
    assert "cs.compare(" in menu.show(comparison)[menu._menu._code]
    assert "convinced" not in menu.written(comparison.id, "html", "me").read_text()
    comparisons.choose(comparison, comparison.runs[1].id)
    told = menu.written(comparison.id, "html", "me").read_text()
    assert "The answer of LeapFactual, seed 1 convinced the person." in told
    with zipfile.ZipFile(menu.written(comparison.id, "zip", "me")) as archive:
        names = set(archive.namelist())
    assert {"report.html", "report.pdf", "filmstrip.png", "comparison.json",
            "leapfactual-seed0/factual.png"} <= names  # fmt: skip
    with pytest.raises(NotFound):
        menu.written(comparison.id, "html", "somebody else")
    comparisons.leave("me")
    assert list(controller.results.iterdir()) == []
