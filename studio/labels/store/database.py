"""Where the label store lies: SQLite in a file, or PostgreSQL by its URL; brought up to date on
opening."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
)  # fmt: skip

from backends.errors import BadInput, MissingPart, StudioError
from backends.sentences import Sentence
from backends.settings import settings
from studio.labels.store.pressure import Pressure, Stuck
from studio.labels.store.schema import Base

__all__ = ["Database", "StoreProblem", "usual_place"]

MIGRATIONS = Path(__file__).parents[1] / "migrations"
PATIENCE = 30.0  # seconds that a writer, or an upgrade of the tables, waits for another one
ANSWER = 10  # seconds that a PostgreSQL server has to answer a first call
UPGRADE = 0x57D10  # PostgreSQL's advisory lock while tables change; any number, always the same


def usual_place() -> str:
    """``STUDIO_DATABASE``, or ``labels.db`` where the system keeps a person's data."""
    return settings().database


class StoreProblem(StudioError):
    """The label store cannot be read or written now; nothing was stored."""


class Database:
    """An open label store.

    :param place: a file, or a URL such as ``postgresql://user:secret@host/name``.
    :raises BadInput: it cannot be opened.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        url = _url(place)
        self.shown = url.database if _in_file(url) else url.render_as_string(hide_password=True)
        try:
            self.engine = _sqlite(url) if _in_file(url) else _postgresql(url)
            self._upgrade()
        except (SQLAlchemyError, OSError, NotImplementedError, ValueError, TypeError) as error:
            raise BadInput(
                "the label store at {shown} cannot be opened: {error}; mend that, or give "
                "--database another file or a postgresql:// address",
                shown=self.shown,
                error=_reason(error),
            ) from error
        self._file, self._length = _identity(url), 0
        self._pressure = Pressure()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing that is written meanwhile appears in it.

        :raises StoreProblem: the store cannot be read.
        """
        level = {} if self.engine.dialect.name == "sqlite" else {"isolation_level": SNAPSHOT}
        with (
            self._problems("read"),
            self.engine.connect().execution_options(**level) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on the disk when the block ends, or never was.

        :raises StoreProblem: the store cannot be written; nothing of the block was stored.
        """
        with (
            self._problems("written"),
            self._pressure,
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _problems(self, done: str) -> Iterator[None]:
        """Turn what the database says into a sentence; a broken constraint is the caller's."""
        self._require_file()
        try:
            yield
        except (IntegrityError, ProgrammingError):
            raise
        except Stuck as error:
            raise StoreProblem(
                "the label store at {shown} has not answered for seconds, and others wait "
                "for it already; nothing was stored, try again in a minute",
                shown=self.shown,
            ) from error
        except DataError as error:
            raise BadInput(
                "the label store cannot hold this: {error}", error=_reason(error)
            ) from error
        except UnicodeEncodeError as error:
            raise BadInput("a text has half a character in it; write it again") from error
        except SQLAlchemyError as error:
            raise StoreProblem(
                "the label store at {shown} cannot be {done}: {error}; nothing was stored, "
                "try again when that is mended",
                shown=self.shown,
                done=done,
                error=_reason(error),
            ) from error
        self._require_file()  # or what was written just now went into a file without a name

    def _require_file(self) -> None:
        if self._file is None:
            return
        place = str(self.engine.url.database)
        if _identity(self.engine.url) != self._file:
            raise StoreProblem(
                "the label store's file {shown} was deleted or replaced; put it back, or "
                "start the studio again to begin a new one; nothing was stored",
                shown=self.shown,
            )
        # Pages that a connection remembers would hide that the file has lost its end.
        length = os.stat(place).st_size
        if length < self._length:
            raise StoreProblem(
                "the label store's file {shown} was cut off; stop the studio, bring back a "
                "copy of it, and start again; nothing was stored",
                shown=self.shown,
            )
        self._length = length

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _upgrade(self) -> None:
        """Create or migrate the tables, one process at a time."""
        if self.engine.dialect.name == "sqlite":
            lock = FileLock(f"{self.engine.url.database}.lock", timeout=PATIENCE)
            with lock, self.engine.connect() as connection:
                _migrate(connection, self.shown)
            return
        with self.engine.connect() as connection:
            connection.execute(text(f"SET lock_timeout = {round(1000 * PATIENCE)}"))
            connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": UPGRADE})
            connection.execute(text("RESET lock_timeout"))
            connection.commit()
            try:
                _migrate(connection, self.shown)
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": UPGRADE})
                connection.commit()


SNAPSHOT = "REPEATABLE READ"


def _url(place: str) -> URL:
    """The address of a store; the folder of its file is there then.

    :raises BadInput: it is none, or a store that would not outlive the program.
    """
    if place.strip().lower().startswith((":memory:", "file:")) or "\0" in place:
        raise BadInput(_wrong(place))
    if "://" not in place:
        return _file_url(Path(place))
    # What hosts hand out, and SQLAlchemy's own word for it.
    place = place.replace("postgres://", "postgresql://", 1)
    try:
        url = make_url(place)
    except (SQLAlchemyError, ValueError) as error:  # ValueError: a port that is no number
        raise BadInput(_wrong(place)) from error
    backend = url.get_backend_name()
    if backend == "sqlite":
        if url.host or url.query or (url.database or ":memory:").startswith((":memory:", "file:")):
            raise BadInput(_wrong(place))
        return _file_url(Path(str(url.database)))
    if backend != "postgresql":
        raise BadInput(
            "labels cannot be kept in {backend}; give a file, or a postgresql:// address",
            backend=backend,
        )
    if url.port is not None and not 0 < url.port < 65536:
        raise BadInput(
            "port {port} of the database address is not between 1 and 65535", port=url.port
        )
    if find_spec("psycopg") is None:
        raise MissingPart(
            "labels in PostgreSQL need the package psycopg; run: pip install "
            '"counterfactual-studio[postgres]"'
        )
    return url.set(drivername="postgresql+psycopg")


def _wrong(place: str) -> str:
    """Why ``place`` is refused; a secret in it is not repeated."""
    start, at, rest = place.rpartition("@")
    shown = f"{start.split('://')[0]}://***@{rest}" if at else place
    return (
        f"{shown!r} is no database address that keeps labels; give a file such as labels.db, or "
        "postgresql://user:secret@host/name"
    )


def _file_url(path: Path) -> URL:
    try:
        path = path.expanduser().absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise BadInput(
                "{path} is a folder; give --database a file in it, such as labels.db", path=path
            )
    except (OSError, RuntimeError) as error:  # RuntimeError: nobody's home folder
        why = getattr(error, "strerror", None) or error
        raise BadInput(
            "{parent} cannot be made ({why}); give --database another file",
            parent=path.parent,
            why=why,
        ) from error
    return URL.create("sqlite", database=str(path))


def _in_file(url: URL) -> bool:
    return bool(url.get_backend_name() == "sqlite")


def _identity(url: URL) -> tuple[int, int] | None:
    """Device and number of a store's file, which another file of its name has not; None for a
    server's."""
    if not _in_file(url):
        return None
    try:
        state = os.stat(str(url.database))
    except OSError:
        return (0, 0)
    return state.st_dev, state.st_ino


REASONS = {
    "file is not a database": Sentence("the file is not a label store"),
    "malformed": Sentence("the file is damaged or incomplete; bring back a copy of it"),
    "disk is full": Sentence("the disk is full; free some space on it"),
    "readonly database": Sentence("the file may not be written; change its permissions"),
    "unable to open database file": Sentence(
        "the file cannot be opened or its folder may not be written"
    ),
    "database is locked": Sentence("another program is writing to it and does not end"),
    "lock timeout": Sentence("another program is writing to it and does not end"),
    "locking protocol": Sentence("its disk cannot lock files; use a local disk"),
    "disk I/O error": Sentence("its disk fails, or cannot lock files as a network disk may not"),
}


def _reason(error: Exception) -> str:
    """A database's error in our words where we have some, else its first line."""
    if isinstance(error, Timeout):
        return Sentence("another program has been changing its tables for long and does not end")
    if isinstance(error, NotImplementedError) or getattr(error, "errno", None) in NO_LOCKS:
        return Sentence(
            "its disk cannot lock files, as some network disks cannot; use a local disk"
        )
    if isinstance(error, OSError):
        return Sentence("{why}; its folder must be writable", why=error.strerror or str(error))
    message = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    found = next((ours for theirs, ours in REASONS.items() if theirs in message), None)
    return found or " ".join(message.split("\n", 1)[0].split())


NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def _postgresql(url: URL) -> Engine:
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": ANSWER}
    return create_engine(
        url, pool_pre_ping=True, pool_size=8, max_overflow=32, connect_args=patience
    )


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, pool_size=8, max_overflow=32)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(1000 * PATIENCE)}")
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


def _migrate(connection: Connection, shown: str | None) -> None:
    """Bring the tables up to date.

    :raises BadInput: the tables are another program's, or a newer studio's.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    _require_ours(connection, shown)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:  # a revision that we do not know
        raise BadInput(
            "the label store at {shown} was made by a newer studio; update this one, or "
            "give --database another file",
            shown=shown,
        ) from error


def _require_ours(connection: Connection, shown: str | None) -> None:
    names = set(inspect(connection).get_table_names())
    connection.rollback()  # a migration begins its own transaction
    others = names if connection.dialect.name == "sqlite" else names & set(Base.metadata.tables)
    if others and "alembic_version" not in names:
        raise BadInput(
            "the database at {shown} is another program's (it has a table {others!r}); "
            "give --database another file or another database",
            shown=shown,
            others=min(others),
        )
