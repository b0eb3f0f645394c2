"""Links to a project: unguessable, revocable, and of limited time."""

import time

import pytest

from backends.errors import BadInput, NotFound
from studio.labels.store import invitations, projects
from studio.labels.store.schema import Invitations


def test_a_link_lets_people_join_a_closed_project(database, made):
    project, _ = made(0, open=False)
    token = invitations.make(database, project)
    assert invitations.opened(database, token).name == "ones"
    access = invitations.accept(database, token, "Bob")
    assert projects.enter(database, access.code) == access.annotator
    assert not access.annotator.administers
    invitations.accept(database, token, "Eve")
    (link,) = invitations.listed(database, project)
    assert (link.works, link.joined) == (True, 2)


def test_a_second_person_of_that_name_is_refused_and_not_counted(database, made):
    project, _ = made(0)
    token = invitations.make(database, project)
    with pytest.raises(BadInput, match="called 'Ada' already"):
        invitations.accept(database, token, "Ada")
    assert invitations.listed(database, project)[0].joined == 0


def test_what_is_revoked_or_expired_or_guessed_lets_nobody_in(database, made, monkeypatch):
    project, _ = made(0)
    revoked, old = (invitations.make(database, project, days=1) for _ in range(2))
    _, first = invitations.listed(database, project)
    invitations.revoke(database, project, first.id)
    later = time.time() + 2 * 86_400
    for token in (revoked, "guess", ""):
        with pytest.raises(NotFound, match="new link"):
            invitations.accept(database, token, "Bob")
    invitations.opened(database, old)
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(NotFound, match="new link"):
        invitations.opened(database, old)
    assert not any(link.works for link in invitations.listed(database, project))


def test_a_project_revokes_only_its_own(database, made):
    project, _ = made(0)
    other, _ = made(0, name="others")
    invitations.make(database, project)
    (link,) = invitations.listed(database, project)
    with pytest.raises(NotFound, match="no invitation"):
        invitations.revoke(database, other, link.id)
    assert invitations.listed(database, project)[0].works


def test_the_store_does_not_hold_the_token(database, made):
    token = invitations.make(database, made(0)[0])
    assert len(token) >= 32
    with database.read() as connection:
        (row,) = connection.execute(Invitations.__table__.select()).all()
    assert token not in map(str, row)


@pytest.mark.parametrize("days", [0, -1, 366, float("nan")])
def test_days_have_bounds(database, made, days):
    with pytest.raises(BadInput, match="days"):
        invitations.make(database, made(0)[0], days)
