"""The label store on both databases: SQLite in a file, PostgreSQL from Debian's packages."""

import os
import secrets

import numpy as np
import pytest
import sqlalchemy

from studio.labels import pictures, projects
from studio.labels.database import Database
from studio.labels.records import Setup
from tests.postgres import server


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
