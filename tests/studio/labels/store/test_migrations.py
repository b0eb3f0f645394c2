"""A store of any earlier studio is brought up to date when it is opened, with all that is in it."""

import json

import pytest
import sqlalchemy as sa
from alembic import command

from studio.labels.store import pictures, projects, queue, responses
from studio.labels.store.database import Database
from studio.labels.store.records import Submission
from studio.labels.store.revisions import revisions, script_config
from tests.studio.labels.conftest import drawn

ROWS = {
    "projects": {
        "id": 1, "name": "ones", "bundle": "digits", "question": "What is this?",
        "classes": ["one", "seven"], "instructions": "", "order": "random", "votes": 1,
        "blind": True, "hints": False, "open": True, "revision": 2, "created": 1.0,
    },
    "annotators": {
        "id": 1, "project_id": 1, "name": "Ada", "role": "administrator",
        "secret": "1" * 64, "created": 1.0,
    },
    "suggestions": {
        "id": 1, "project_id": 1, "item_id": 2, "agent": "classifier", "model_hash": "abc",
        "value": "one", "score": 0.9, "probabilities": {"one": 0.9, "seven": 0.1}, "created": 1.0,
    },
    "trainings": {
        "id": 1, "project_id": 1, "version": 2, "rule": "majority", "model": "mine",
        "settings": {}, "quality": {"held_out_agreement": 1.0}, "created": 1.0,
    },
}  # fmt: skip


def put(connection, tables, kind, /, **changes):
    """Insert a row; columns that the tables do not have yet are left out."""
    table = tables[kind]
    row = {k: v for k, v in (ROWS.get(kind, {}) | changes).items() if k in table.c}
    json_columns = {c.name for c in table.c if isinstance(c.type, sa.JSON)}
    text_of = {k: json.dumps(v) for k, v in row.items()
               if isinstance(v, (dict, list)) and k not in json_columns}  # fmt: skip
    connection.execute(sa.insert(table).values(row | text_of))


def filled(engine):
    found = sa.MetaData()
    found.reflect(engine)
    tables = found.tables
    with engine.begin() as connection:
        put(connection, tables, "projects")
        put(connection, tables, "annotators")
        for number, (name, pixels) in enumerate(drawn(3), 1):
            sha256 = pictures.digest(pixels)
            put(connection, tables, "pictures", sha256=sha256, width=8, height=8,
                content=pictures.png_of(pixels))  # fmt: skip
            put(connection, tables, "items", id=number, project_id=1, picture=sha256, name=name,
                shuffle=number / 10, votes=int(number == 1), disagreement=0.0)  # fmt: skip
        for number, (value, superseded) in enumerate([("seven", 2), ("one", None)], 1):
            put(connection, tables, "responses", project_id=1, number=number, item_id=1,
                annotator_id=1, kind="label", state="submitted", value=value, note="“note”",
                seconds=1.5, via="key", request=f"r{number}", created=float(number),
                superseded_by=superseded)  # fmt: skip
        put(connection, tables, "suggestions")
        put(connection, tables, "trainings")


@pytest.mark.parametrize("revision", revisions())
def test_an_earlier_store_is_brought_up_to_date(place, revision):
    url = sa.make_url(place) if "://" in place else sa.URL.create("sqlite", database=place)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    config = script_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    filled(engine)
    engine.dispose()
    database = Database(place)
    with database.read() as connection:
        newest = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    assert newest == revisions()[-1]
    project = projects.find(database, "ones")
    assert project.classes == ["one", "seven"]
    assert project.version == 2
    (kept,) = responses.standing(database, project)
    assert (kept.value, kept.note, kept.seconds) == ("one", "“note”", 1.5)
    every = responses.standing(database, project, history=True)
    assert [one.value for one in every] == ["seven", "one"]
    (ada,) = projects.people(database, project)
    items = queue.following(database, ada, 5)
    assert {item.name for item in items} == {"1.png", "2.png"}
    stored = responses.answer(database, ada, Submission(items[0].id, "one", "new"))
    assert stored.number == 3
    database.close()
