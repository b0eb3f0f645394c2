"""Accepting and discarding answers: the record, the study's file, and what is refused."""

import asyncio
import json

import pytest

from backends import service
from backends.errors import BadInput
from studio.engines.local import LocalEngine
from studio.runs import Run, Runs
from studio.runs.decisions import LONGEST, decide
from studio.runs.study import Study


@pytest.fixture
def run(ask):
    engine = LocalEngine()
    started = Runs(engine, service.explain, service.stopped).start(ask("leapfactual"), "me")

    async def end():
        async for _ in started.watch(0.05):
            pass

    asyncio.run(asyncio.wait_for(end(), 60))
    yield started
    engine.close()


def lines(study):
    return [json.loads(line) for line in study.file.read_text().splitlines()]


def test_a_decision_is_in_the_record_and_in_the_study_and_may_change(run, tmp_path):
    study = Study(tmp_path / "choices.jsonl")
    decide(study, run, "accepted", " the loop closes \n")
    assert run.answer.record["decision"] == "accepted"
    decide(study, run, "discarded", "")
    assert (run.answer.record["decision"], run.answer.record["note"]) == ("discarded", "")
    first, last = lines(study)
    assert (first["decision"], first["note"]) == ("accepted", "the loop closes")
    assert last["decision"] == "discarded"
    assert first["run"] == last["run"] == run.id
    assert first["method"] == "leapfactual"
    assert first["settings"] == run.answer.record["settings"]
    assert first["metrics"]["l1"] == run.answer.record["metrics"]["l1"]
    assert '"me"' not in study.file.read_text(), "the study does not know whose page it was"


def test_the_same_decision_once_more_adds_no_line(run, tmp_path):
    study = Study(tmp_path / "choices.jsonl")
    for decision in ("accepted", "accepted", "discarded", "discarded", "accepted"):
        decide(study, run, decision, "so")
    assert [line["decision"] for line in lines(study)] == ["accepted", "discarded", "accepted"]
    decide(study, run, "accepted", "because")
    assert lines(study)[-1]["note"] == "because"


def test_a_decision_that_was_not_written_is_written_when_it_is_pressed_again(run, tmp_path):
    (tmp_path / "place").write_text("")
    study = Study(tmp_path / "place" / "choices.jsonl")
    with pytest.raises(BadInput):
        decide(study, run, "accepted", "")
    (tmp_path / "place").unlink()
    decide(study, run, "accepted", "")
    assert len(lines(study)) == 1


def test_without_an_answer_there_is_nothing_to_decide(ask, tmp_path):
    study = Study(tmp_path / "choices.jsonl")
    for nothing in (None, Run(ask("leapfactual"), "me")):
        with pytest.raises(BadInput, match="press Run"):
            decide(study, nothing, "accepted", "")
    assert not study.file.exists()


def test_a_note_has_an_end(run, tmp_path):
    study = Study(tmp_path / "choices.jsonl")
    with pytest.raises(BadInput, match=f"at most {LONGEST}"):
        decide(study, run, "accepted", "x" * (LONGEST + 1))
    assert "decision" not in run.answer.record


def test_a_study_that_cannot_be_written_is_told_and_the_answer_keeps_the_decision(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="set STUDIO_CHOICES"):
        decide(Study(tmp_path / "file" / "choices.jsonl"), run, "accepted", "")
    assert run.answer.record["decision"] == "accepted"
