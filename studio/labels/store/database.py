"""Where the label store lies: SQLite in a file, or PostgreSQL by its URL; brought up to date on
opening."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_data_path
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from backends.errors import BadInput

__all__ = ["Database", "usual_place"]

MIGRATIONS = Path(__file__).parents[1] / "migrations"
BUSY = 30_000  # milliseconds that a writer waits for another one
UPGRADE = 0x57D10  # PostgreSQL's advisory lock while tables change; any number, always the same


def usual_place() -> str:
    """``STUDIO_DATABASE``, or ``labels.db`` where the system keeps a person's data."""
    named = os.environ.get("STUDIO_DATABASE")
    return named or str(user_data_path("counterfactual-studio") / "labels.db")


class Database:
    """An open label store.

    :param place: a file, or a URL such as ``postgresql://user:secret@host/name``.
    :raises BadInput: it cannot be opened.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        url = _url(place)
        if url.get_backend_name() == "sqlite":
            self.engine = _sqlite(url)
        elif url.get_backend_name() == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
            self.engine = create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=32)
        else:
            raise BadInput(
                f"labels cannot be kept in {url.get_backend_name()}; give a file, or a "
                "postgresql:// address"
            )
        try:
            self._upgrade()
        except OperationalError as error:
            shown = url.render_as_string(hide_password=True)
            raise BadInput(
                f"the label store at {shown} cannot be opened ({error.orig}); check --database"
            ) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing that is written meanwhile appears in it."""
        level = {} if self.engine.dialect.name == "sqlite" else {"isolation_level": SNAPSHOT}
        with self.engine.connect().execution_options(**level) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on the disk when the block ends, or never was."""
        with (
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _upgrade(self) -> None:
        """Create or migrate the tables, one process at a time."""
        if self.engine.dialect.name == "sqlite":
            assert self.engine.url.database is not None
            with FileLock(f"{self.engine.url.database}.lock"), self.engine.connect() as connection:
                _migrate(connection)
            return
        with self.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": UPGRADE})
            connection.commit()
            try:
                _migrate(connection)
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": UPGRADE})
                connection.commit()


SNAPSHOT = "REPEATABLE READ"


def _url(place: str) -> Any:
    if "://" not in place:
        path = Path(place).expanduser().absolute()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"{path.parent} cannot be made ({error.strerror}); give --database another file"
            ) from error
        place = f"sqlite:///{path}"
    # What hosts hand out, and SQLAlchemy's own word for it.
    place = place.replace("postgres://", "postgresql://", 1)
    try:
        return make_url(place)
    except ArgumentError as error:
        raise BadInput(
            f"{place!r} is no database address; give a file, or postgresql://user:secret@host/name"
        ) from error


def _sqlite(url: Any) -> Engine:
    engine = create_engine(url, pool_size=8, max_overflow=32)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # a label outlives a power cut too
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer that began as a reader could not wait for another writer, only fail.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
