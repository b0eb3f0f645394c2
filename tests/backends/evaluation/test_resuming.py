"""An evaluation that was stopped, killed, or asked for again goes on where it was."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from backends import evaluation
from backends.errors import BadInput
from backends.evaluation import Plan, Row, answering
from backends.evaluation.store import AnsweredPictures, AnswerStore, Batch
from tests.backends.evaluation.test_rows import with_examples


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return with_examples(tmp_path_factory.mktemp("resuming") / "bundle")


def rows_of(plan):
    return [item for item in evaluation.evaluate(plan) if isinstance(item, Row)]


def numbers(rows):
    """All that a row says but how long it took."""
    return [
        (row.method, row.answer, row.region, row.settings,
         {name: value for name, value in row.values.items() if name != "seconds"})
        for row in rows
    ]  # fmt: skip


@pytest.fixture
def computed(monkeypatch):
    """How many pictures were computed, batch by batch."""
    sizes, run = [], answering.run

    def counted(question):
        sizes.append(len(question.factual))
        return run(question)

    monkeypatch.setattr(answering, "run", counted)
    return sizes


def test_a_batch_comes_back_as_it_was(tmp_path):
    store = AnswerStore(tmp_path / "folder" / "answers.sqlite")
    image = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    value = np.array([1 / 3, np.nan])
    pictures = AnsweredPictures(
        {"l1": value}, {"image": image, "after": np.float32([[0.1], [0.2]])}
    )
    batch = Batch({"": pictures, "standard": pictures}, {"f": {"forward": 2, "backward": 1}}, 0.25)
    assert store.get("name") is None
    assert not (tmp_path / "folder").exists(), "nothing is written before something is finished"
    store.put("name", {"method": "m"}, batch)
    found = store.get("name")
    assert store.get("other") is None
    assert list(found.answers) == ["", "standard"]
    assert np.array_equal(found.answers[""].numbers["l1"], value, equal_nan=True)
    for name, array in pictures.arrays.items():
        assert np.array_equal(found.answers["standard"].arrays[name], array)
        assert found.answers["standard"].arrays[name].dtype == array.dtype
    assert (found.calls, found.seconds) == (batch.calls, batch.seconds)


def test_a_file_that_holds_something_else_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "answers.sqlite").write_bytes(b"something else" * 100)
    with pytest.raises(BadInput, match="remove the file"):
        AnswerStore(tmp_path / "answers.sqlite").get("name")


def test_what_is_finished_is_not_computed_again(bundle, tmp_path, computed):
    plan = Plan(bundle, ["leapfactual", "revise"], 6, batch=2, answers=tmp_path / "a.sqlite",
                settings={"revise": [{"steps": 2}]}, strokes=2)  # fmt: skip
    fresh = rows_of(Plan(**{**vars(plan), "answers": None}))
    assert computed == [2] * 6
    computed.clear()
    stopped = evaluation.evaluate(plan)
    for item in stopped:
        if item.method == "revise" and item.share >= 0.5:
            break
    stopped.close()
    assert computed == [2] * 5, "the fifth batch was begun"
    computed.clear()
    assert numbers(rows_of(plan)) == numbers(fresh)
    assert computed == [2, 2], "two of revise's three batches were not finished"
    computed.clear()
    again = rows_of(plan)
    assert numbers(again) == numbers(fresh)
    assert computed == []
    assert again[0].values["seconds"] > 0, "what it took then"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_that_cannot_be_made_is_refused_in_a_sentence():
    with pytest.raises(BadInput, match=r"the answers cannot be written \(/proc/nope\)"):
        AnswerStore(Path("/proc/nope/answers.sqlite")).put("name", {}, Batch({}))


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"settings": {"leapfactual": [{"blending_leaps": 1}]}},
              {"regions": ["box:1,1,9,9"]}, {"batch": 1}]
)  # fmt: skip
def test_another_question_is_computed_anew(bundle, tmp_path, computed, other):
    plan = {"bundle": bundle, "methods": ["leapfactual"], "count": 2, "seed": 3,
            "answers": tmp_path / "a.sqlite"}  # fmt: skip
    rows_of(Plan(**plan))
    computed.clear()
    rows_of(Plan(**(plan | other)))
    assert sum(computed) == 2


def test_a_further_method_and_more_regions_reuse_what_is_there(bundle, tmp_path, computed):
    plan = {"bundle": bundle, "methods": ["leapfactual"], "count": 2, "answers": tmp_path / "a"}
    rows_of(Plan(**plan))
    rows_of(Plan(**(plan | {"methods": ["revise", "leapfactual"], "regions": ["auto", "whole"],
                            "settings": {"revise": [{"steps": 1}]}})))  # fmt: skip
    assert computed == [2] * 4


COMMAND = ("evaluate", "--methods", "rcsb", "--n", "14", "--batch", "1", "--set", "rcsb.steps=20")


def start(bundle, out):
    return subprocess.Popen(
        [sys.executable, "-m", "studio", *COMMAND, "--bundle", bundle, "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip


def finished(file):
    """Batches in a file that another process may be writing."""
    if not file.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as opened:
            return opened.execute("SELECT count(*) FROM batches").fetchone()[0]
    except sqlite3.OperationalError:  # its tables are being made
        return 0


@pytest.mark.slow
def test_a_run_that_was_killed_prints_the_same_table(bundle, tmp_path):
    whole, errors = start(bundle, tmp_path / "whole").communicate(timeout=240)
    assert "RCSB, steps=20" in whole, errors
    file = tmp_path / "killed" / "answers.sqlite"
    process = start(bundle, tmp_path / "killed")
    limit = time.monotonic() + 240
    while finished(file) < 6 and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    done = finished(file)
    assert 6 <= done < 14, "killed in the middle"
    assert not (tmp_path / "killed" / "table.csv").exists()
    again, _ = start(bundle, tmp_path / "killed").communicate(timeout=240)
    assert again == whole
    assert finished(file) == 14
    for name in ("whole", "killed"):
        assert (tmp_path / name / "table.csv").is_file()
    tables = [(tmp_path / name / "table.csv").read_bytes() for name in ("whole", "killed")]
    assert tables[0] == tables[1]
