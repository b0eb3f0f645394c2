"""A project goes with all that hangs on it, and nothing else."""

import time

import numpy as np
import pytest
from sqlalchemy import func, select

from backends.core import Request
from backends.errors import NotFound
from studio.labels.store import deletion, interactive_runs, pictures, projects, responses
from studio.labels.store.database import Database
from studio.labels.store.records import Submission
from studio.labels.store.schema import Base
from studio.labels.tasks.delete_project import delete_idle
from studio.runs.retention import DAY
from studio.runs.steady_clock import SteadyClock
from tests.studio.labels.conftest import drawn


def counts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
        }


def test_all_of_a_project_goes(database, spoken):
    access = projects.invite(database, spoken, "Zoe")
    before = deletion.contents(database, spoken)
    assert before.pictures == 6
    assert before.answers >= 8
    assert deletion.delete_project(database, spoken) == before
    assert set(counts(database).values()) == {0}
    with pytest.raises(NotFound):
        projects.enter(database, access.code)
    with pytest.raises(NotFound):
        projects.find(database, spoken.name)


def test_what_another_project_has_stays(database, made):
    mine, _ = made(6)
    other, ada = made(0, name="other")
    pictures.add(database, other, drawn(3, start=4))  # two of them are in both
    responses.answer(database, ada, Submission(pictures.items(database, other)[0].id, "one", "1"))
    deletion.delete_project(database, mine)
    left = counts(database)
    assert (left["projects"], left["items"], left["pictures"], left["responses"]) == (1, 3, 3, 1)
    items = pictures.items(database, other)
    assert set(pictures.content(database, [i.picture for i in items])) == {i.picture for i in items}


def test_the_mask_of_a_run_stays(database, made):
    project, _ = made(0)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5] = 255
    pictures.add(database, project, [("mask", mask[..., None])])
    asked = Request("digits", "rcsb", "9", 255 - mask[..., None], "brush", mask)
    run = interactive_runs.begin(database, asked, "ann")
    deletion.delete_project(database, project)
    assert np.array_equal(interactive_runs.find(database, run.id).request.mask, mask)


def test_a_project_of_that_name_can_be_made_again(database, made):
    project, _ = made(3)
    deletion.delete_project(database, project)
    again, _ = made(2)
    assert len(pictures.items(database, again)) == 2
    assert projects.find(database, "ones").version == 0


def test_idle_projects_are_those_that_nobody_worked_in(database, made, monkeypatch):
    project, ada = made(3)
    made(1, name="new")
    now = time.time()
    assert deletion.idle(database, now - 30 * DAY) == []
    with monkeypatch.context() as later:
        later.setattr("studio.labels.store.responses.time.time", lambda: now + 20 * DAY)
        item = pictures.items(database, project)[0]
        responses.answer(database, ada, Submission(item.id, "one", "1"))
    assert deletion.idle(database, now + DAY) == ["new"]
    assert sorted(deletion.idle(database, now + 21 * DAY)) == ["new", "ones"]


def test_idle_projects_are_deleted_where_that_is_wanted(database, made, monkeypatch):
    made(3)
    assert delete_idle(database, 0) == []
    assert delete_idle(database, 30) == []
    now = time.time()
    clock = SteadyClock(lambda: now + 31 * DAY)
    monkeypatch.setattr("studio.labels.tasks.delete_project.steady_time", clock)
    assert delete_idle(database, 30) == ["ones"]
    assert projects.listed(database) == []
