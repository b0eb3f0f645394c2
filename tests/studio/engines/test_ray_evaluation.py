"""An evaluation on Ray's workers: the same table as here, also where a worker is lost."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from backends.errors import StudioError
from backends.evaluation import Plan, Row, evaluate
from backends.evaluation.pieces import missing
from studio.runs.distributed import distributed
from tests.backends.evaluation.test_rows import with_examples

FEW = {"leapfactual": [{"blending_leaps": 3}], "rcsb": [{"steps": 4}, {"steps": 6}]}


def plan_in(folder):
    return Plan("digits", list(FEW), 6, settings=FEW, batch=2, answers=folder / "answers.sqlite")


def table(plan):
    rows = [item for item in evaluate(plan) if isinstance(item, Row)]
    assert not [row.problem for row in rows if row.problem]
    costs = ("seconds",)
    return [
        (row.method, row.settings, {k: v for k, v in row.values.items() if k not in costs})
        for row in rows
    ]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return table(plan_in(tmp_path_factory.mktemp("here")))


def finished(work):
    """What a generator yields, and what it returns."""
    told = []
    while True:
        try:
            told.append(next(work))
        except StopIteration as end:
            return told, end.value


def workers():
    """The processes that compute pieces."""
    named = {int(p.parent.name): p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline")}
    return [pid for pid, line in named.items() if line.startswith(b"ray::PieceWorker")]


def test_the_table_is_the_same_to_the_last_digit_and_a_lost_worker_loses_nothing(here, tmp_path):
    plan = plan_in(tmp_path)
    work = distributed(plan)
    first = next(work)
    assert first[1] == 9
    os.kill(workers()[0], signal.SIGKILL)
    told, plan = finished(work)
    assert told[-1] == (9, 9)
    assert not missing(plan), "all is in the store: nothing is computed twice"
    assert table(plan) == here


def test_a_wrong_question_is_told_as_here_and_no_worker_starts(tmp_path, monkeypatch):
    monkeypatch.setattr("studio.runs.distributed.Workers", pytest.fail)
    bundle = with_examples(tmp_path / "bundle")
    plan = Plan(bundle, ["leapfactual"], 2, answers=tmp_path / "answers.sqlite")
    for wrong, reason in (
        ({"pairs": [("a", "moon")]}, "choose from"), ({"count": 99}, "lower --n"),
        ({"settings": {"leapfactual": [{"moon": 1}]}}, "has no setting"),
    ):  # fmt: skip
        with pytest.raises(StudioError, match=reason):
            next(distributed(replace(plan, **wrong)))


@pytest.mark.parametrize("begun", [True, False])
def test_workers_that_cannot_begin_say_why(tmp_path, monkeypatch, begun):
    exceptions = pytest.importorskip("ray.exceptions")
    text = "The actor died in its creation task, at\n  posed(plan)\nbackends.errors.NotFound: no x"
    closed = []

    def lost(_):
        raise exceptions.RayActorError(error_msg=text, actor_init_failed=not begun)

    actor = SimpleNamespace(device=SimpleNamespace(remote=lambda: None))
    ray = SimpleNamespace(get=lost, exceptions=exceptions)
    made = SimpleNamespace(actors=[actor], ray=ray, close=lambda: closed.append(True))
    monkeypatch.setattr("studio.runs.distributed.Workers", lambda *_, **__: made)
    plan = Plan(with_examples(tmp_path / "bundle"), ["leapfactual"], 2, answers=tmp_path / "a")
    reason = "was lost 3 times" if begun else r"could not begin \(no x\)"
    with pytest.raises(StudioError, match=reason):
        next(distributed(plan))
    assert closed
