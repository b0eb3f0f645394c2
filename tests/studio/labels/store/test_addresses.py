"""What a label store cannot be opened at, or goes wrong with, is one sentence."""

import errno
import os
import sqlite3

import filelock
import pytest
from sqlalchemy import event, text

from backends.errors import BadInput
from studio.labels.store import database as module
from studio.labels.store import pictures, projects
from studio.labels.store.database import Database, StoreProblem
from studio.labels.store.records import Setup
from tests.studio.labels.conftest import drawn


@pytest.mark.parametrize(
    "place",
    [
        ":memory:", "sqlite://", "sqlite:///:memory:", "file:/labels.db", "file:labels.db?mode=ro",
        "sqlite:///file:labels.db?uri=true", "sqlite:///labels.db?mode=memory", "sqlite://host/a",
        "postgresql://h:port/x", "postgresql://h:99999/x", "postgresql://h:0/x", "a\0b", "://",
        "mysql://h/x", "postgresql://u:secret@h:port/x",
    ],
)  # fmt: skip
def test_an_address_that_keeps_nothing_is_refused(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"database|file|port") as caught:
        Database(place)
    assert "secret" not in str(caught.value).replace("user:secret", "")
    assert not list(tmp_path.iterdir())


def refused(place, words):
    with pytest.raises(BadInput, match=words) as caught:
        Database(str(place))
    assert "\n" not in str(caught.value)


def test_a_file_of_something_else_is_refused_and_kept(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG" * 4000)
    refused(path, "not a label store")
    assert path.read_bytes() == b"\x89PNG" * 4000
    refused(tmp_path, "is a folder")
    refused(path / "labels.db", "cannot be made")


def test_a_cut_store_is_refused(tmp_path):
    path = tmp_path / "labels.db"
    Database(str(path)).close()
    os.truncate(path, path.stat().st_size // 2)
    refused(path, "damaged or incomplete")


def test_a_newer_store_is_refused(place):
    opened = Database(place)
    with opened.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    opened.close()
    refused(place, "newer studio")


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (id INTEGER)")
    refused(path, "another program's")
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)


def test_a_held_upgrade_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    path = tmp_path / "labels.db"
    with filelock.FileLock(f"{path}.lock"):
        refused(path, "does not end")


def test_a_held_store_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    path = tmp_path / "labels.db"
    database = Database(str(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreProblem, match=r"does not end.*nothing was stored"):
        projects.create(database, Setup(name="a", bundle="b", classes=["x", "y"]), "Ada")
    other.close()
    projects.create(database, Setup(name="a", bundle="b", classes=["x", "y"]), "Ada")
    database.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOLCK, "No locks available"), "cannot lock files"),
        (NotImplementedError("flock"), "cannot lock files"),
        (PermissionError(errno.EACCES, "Permission denied"), "must be writable"),
    ],
)
def test_a_folder_without_locks_or_permission(tmp_path, monkeypatch, error, words):
    def acquire(*_, **__):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    refused(tmp_path / "labels.db", words)


def test_a_full_disk_is_a_sentence_and_stores_nothing(tmp_path):
    database = Database(str(tmp_path / "labels.db"))
    project, _ = projects.create(database, Setup(name="a", bundle="b", classes=["x", "y"]), "Ada")

    @event.listens_for(database.engine, "begin")
    def small(connection):
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as many as there are

    with pytest.raises(StoreProblem, match="disk is full"):
        pictures.add(database, project, drawn(2000))
    event.remove(database.engine, "begin", small)
    assert pictures.items(database, project) == []
    database.close()


def test_nothing_is_acknowledged_by_a_deleted_store(tmp_path):
    path = tmp_path / "labels.db"
    database = Database(str(path))
    project, _ = projects.create(database, Setup(name="a", bundle="b", classes=["x", "y"]), "Ada")
    aside = path.rename(tmp_path / "aside.db")
    with pytest.raises(StoreProblem, match="deleted or replaced"):
        projects.join(database, project, "Bob")
    aside.rename(path)
    projects.join(database, project, "Bob")
    database.close()
