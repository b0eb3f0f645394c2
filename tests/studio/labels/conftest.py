"""The label store on both databases: SQLite in a file, PostgreSQL from Debian's packages."""

import os
import secrets

import numpy as np
import pytest
import sqlalchemy

from studio.labels.store import pictures, projects, responses, suggestions
from studio.labels.store.database import Database
from studio.labels.store.records import Setup, Suggestion
from studio.labels.store.responses import Submission
from tests.postgres import server

NASTY = '=HYPERLINK("http://x","y"), "quoted"\nsecond line; naïve 写 \'apostrophe'


@pytest.fixture(scope="session")
def postgres():
    """``STUDIO_TEST_POSTGRES``, or a server of our own."""
    given = os.environ.get("STUDIO_TEST_POSTGRES")
    if given:
        yield given
        return
    with server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """An address where no label store is yet."""
    if request.param == "sqlite":
        yield str(tmp_path / "labels.db")
        return
    address = request.getfixturevalue("postgres")
    url = sqlalchemy.make_url(address).set(drivername="postgresql+psycopg")
    name = f"labels_{secrets.token_hex(6)}"
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture
def database(place):
    opened = Database(place)
    yield opened
    opened.close()


@pytest.fixture
def elsewhere(tmp_path):
    """Another store, in a file."""
    opened = Database(str(tmp_path / "elsewhere.db"))
    yield opened
    opened.close()


def drawn(count, start=0):
    """Small pictures, all different."""
    for number in range(start, start + count):
        pixels = np.zeros((8, 8, 1), np.uint8)
        pixels.reshape(-1)[:4] = list(number.to_bytes(4, "big"))
        yield f"{number}.png", pixels


@pytest.fixture
def made(database):
    """Setup's fields -> a project, its administrator, and that many pictures in it."""

    def make(count=10, **fields):
        fields = {"name": "ones", "bundle": "digits", "classes": ["one", "seven"]} | fields
        project, access = projects.create(database, Setup(**fields), "Ada")
        pictures.add(database, project, drawn(count))
        return project, access.annotator

    return make


@pytest.fixture
def spoken(database, made):
    """A project in which everything happened that can happen to a response."""
    project, ada = made(6, votes=3, instructions="-look\n=closely")
    bob, eve = (
        projects.invite(database, project, name).annotator for name in ("=Bob", "eve@example.org")
    )
    items = [item.id for item in pictures.items(database, project)]
    say = responses.answer
    say(database, bob, Submission(items[0], "one", "1", note=NASTY, seconds=1.25))
    say(database, eve, Submission(items[0], "seven", "1"))
    say(database, bob, Submission(items[1], "one", "2"))
    say(database, bob, Submission(items[1], "seven", "3", note="'=no"))
    say(database, eve, Submission(items[1], None, "4"))
    say(database, eve, Submission(items[2], None, "5", "discarded", seconds=3))
    say(database, bob, Submission(items[3], "one", "6"))
    responses.undo(database, bob, "7")
    responses.adjudicate(database, ada, Submission(items[0], "seven", "8"))
    suggestions.add(database, project, [
        Suggestion(items[0], "clip:@x", "abc", "one", 0.625, {"one": 0.625, "seven": 0.375})
    ])  # fmt: skip
    return projects.find(database, project.name)
