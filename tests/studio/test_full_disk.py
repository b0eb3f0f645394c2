"""The disk is full: what was computed is shown, what could not be written is told, and nothing
half-written stays."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from backends import service
from backends.bundles import user_models
from backends.core import Answer
from backends.errors import StudioError
from studio.api.questions import ProgramQuestions
from studio.api.routes import routes
from studio.engines.core import Failed
from studio.engines.inline import InlineEngine
from studio.engines.local import LocalEngine
from studio.labels.store import projects
from studio.labels.store.database import Database, StoreProblem
from studio.labels.store.records import Setup
from studio.runs import Run, Runs
from studio.runs.comparison import Comparisons
from studio.runs.kept import KeptRuns
from studio.ui.explain.answer import AnswerPanes
from studio.ui.shared.offered_file import offered_file
from tests.studio.runs.test_run import finish

SIZE = 4_000_000


class Disk:
    """A small disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._filler = folder, folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        with self._filler.open("wb") as file, suppress(OSError):
            while os.write(file.fileno(), bytes(4096)):
                pass

    def free(self) -> None:
        self._filler.unlink()

    @property
    def left(self) -> set[str]:
        return {p.name for p in self.folder.rglob("*") if p.is_file()} - {"filler"}


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small disk")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def answered(ask):
    request = ask("leapfactual")
    *frames, answer = service.explain(request)
    return Run(request, "me", state="done", frames=frames, answer=answer)


def test_an_answer_is_shown_without_its_zip(controller, answered, disk):
    import gradio as gr

    controller.results = disk.folder
    controller.runs.keep(answered)
    with gr.Blocks():
        panes = AnswerPanes(controller)
        for part in (panes.verdict, panes.middle, panes.right, panes.facts_row, panes.below):
            part()
    disk.fill()
    shown = panes.show(answered)
    assert "<img" in shown[panes.counterfactual]
    assert "the zip cannot be written" in shown[panes.status].lower()
    assert "free some space" in shown[panes.status]
    assert shown[panes.download]["visible"] is False
    assert disk.left == set()
    disk.free()
    again = panes.show(answered)
    assert again[panes.download]["visible"] is True
    assert "cannot be written" not in again[panes.status]


def test_a_zip_that_leaves_no_room_for_the_pages_copy_is_not_offered(disk):
    half = disk.folder / "half.zip"
    half.write_bytes(bytes(SIZE * 6 // 10))
    update, told = offered_file(lambda: str(half), "the zip")
    assert update["visible"] is False
    assert "disk is full" in told


def test_a_comparison_keeps_its_answers(controller, answered, disk):
    comparisons = Comparisons(controller.runs, disk.folder, controller.study)
    comparison = comparisons.open("me", [answered.request])
    comparison.runs = [answered]
    disk.fill()
    update, told = offered_file(lambda: comparisons.archive(comparison), "the zip")
    assert update["visible"] is False
    assert "disk is full" in told
    assert comparison.answered == [answered]


def test_a_program_gets_the_pictures_all_the_same(tiny, ask, picture, disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(disk.folder))
    engine = LocalEngine()
    runs = Runs(engine, service.explain, service.stopped)
    client = TestClient(FastAPI(routes=routes(ProgramQuestions(runs, lambda: [tiny]))))
    place = disk.folder.parent / "picture.png"
    Image.fromarray(picture[..., 0]).save(place)
    asked = {"bundle": tiny, "target": ask("leapfactual").target}
    disk.fill()
    try:
        told = client.post("/api/explain", data=asked, files={"image": place.read_bytes()})
        zipped = client.post("/api/explain?as=zip", data=asked, files={"image": place.read_bytes()})
    finally:
        engine.close()
    assert told.status_code == 200, told.text
    reply = told.json()
    assert {"factual.png", "counterfactual.png", "region.png"} == set(reply["files"])
    assert "disk is full" in reply["problem"]
    assert zipped.status_code == 507
    assert "disk is full" in zipped.json()["error"]


def test_a_visitor_is_told_that_an_answer_is_not_kept(ask, disk):
    engine = LocalEngine()
    runs = Runs(engine, service.explain, service.stopped, store=KeptRuns(disk.folder / "runs"))
    runs.recognise("page", "visitor" * 4)
    disk.fill()
    try:
        run = runs.start(ask("leapfactual"), "page")
        finish(run)
        assert run.saved.wait(20)
        assert isinstance(run.answer, Answer)
        assert "disk is full" in run.unkept
        assert disk.left == set()
        disk.free()
        second = runs.start(ask("leapfactual"), "page")
        finish(second)
        assert second.saved.wait(20)
        assert not second.unkept
        assert runs.store.load(second.id) is not None
    finally:
        engine.close()


def test_the_command_line_prints_what_it_cannot_write(run, tiny, ask, picture, disk, tmp_path):
    place = tmp_path / "picture.png"
    Image.fromarray(picture[..., 0]).save(place)
    disk.fill()
    words = ["explain", place, "--bundle", tiny, "--method", "leapfactual"]
    words += ["--target", ask("leapfactual").target, "--out", disk.folder / "out"]
    code, printed, told = run(*words)
    assert code == 2
    assert '"status"' in printed
    assert told.startswith("error: the result cannot be written")
    assert "disk is full" in told
    assert not (disk.folder / "out").exists()
    assert disk.left == set()


def test_no_label_is_acknowledged(disk):
    store = Database(str(disk.folder / "labels.db"))
    setup = Setup.checked({"name": "cells", "bundle": "digits", "classes": ["a", "b"]})
    project, _ = projects.create(store, setup, "ann")
    disk.fill()

    def many():
        for number in range(200):
            projects.invite(store, project, f"person {number}", projects.ANNOTATOR)

    with pytest.raises(StoreProblem, match="disk is full"):
        many()
    disk.free()
    projects.invite(store, project, "late", projects.ANNOTATOR)
    names = {who.name for who in projects.people(Database(store.place), project)}
    assert "late" in names


def test_a_model_is_replaced_whole_or_not_at_all(tiny, disk, monkeypatch):
    from backends import bundles

    monkeypatch.setenv("STUDIO_MODELS", str(disk.folder))
    network = bundles.get(tiny).part("velocity")
    part = bundles.get(tiny).manifest.parts["velocity"]
    model = user_models.Model(
        name="mine", classes=["a", "b", "c"], labels="first", rows=3, settings={}, learnt_on={},
        parts={"mine": part},
    )  # fmt: skip
    user_models.write("tiny", model, {"mine": network})
    disk.fill()
    second = model.model_copy(update={"labels": "second"})
    with pytest.raises(StudioError, match="cannot be written"):
        user_models.write("tiny", second, {"mine": network})
    assert user_models.read("tiny")["mine"].labels == "first"


def test_a_run_that_writes_says_so(disk):
    disk.fill()

    def work():
        yield 1
        (disk.folder / "checkpoint").write_bytes(bytes(100_000))

    events = []
    InlineEngine().submit(work, "me", events.append)
    assert isinstance(events[-1], Failed)
    assert "disk is full" in events[-1].reason
