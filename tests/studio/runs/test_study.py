"""The study's file: where it lies, who is in it, and what happens when it cannot be written."""

import json
from pathlib import Path

import pytest

from backends.errors import BadInput
from studio.runs.study import Study, usual_file


def test_the_next_studio_adds_to_the_same_file(tmp_path):
    file = tmp_path / "new" / "choices.jsonl"
    for chosen in ("a", "b"):
        Study(file).note({"chosen": chosen})
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["chosen"] for line in lines] == ["a", "b"]


def test_it_lies_where_it_lasts_or_where_told(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_CHOICES", str(tmp_path / "mine.jsonl"))
    assert usual_file() == tmp_path / "mine.jsonl"
    monkeypatch.delenv("STUDIO_CHOICES")
    assert Path.home() in usual_file().parents
    assert "counterfactual-studio" in usual_file().parts


def test_a_page_has_one_pseudonym_in_a_study_and_another_in_the_next(tmp_path):
    study, other = (Study(tmp_path / "choices.jsonl") for _ in range(2))
    assert study.pseudonym("me") == study.pseudonym("me")
    assert len({study.pseudonym("me"), study.pseudonym("you"), other.pseudonym("me")}) == 3
    assert study.pseudonym("me") != "me"


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="set STUDIO_CHOICES"):
        Study(tmp_path / "file" / "choices.jsonl").note({})
