"""What an evaluation has finished, in a file that outlives it, a record a picture.

SQLite writes a batch as a whole or not at all, whenever the process or the machine dies.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backends.errors import BadInput
from backends.files import unwritten
from backends.sentences import Sentence

__all__ = ["AnswerStore", "AnsweredPictures", "Batch"]

TABLES = """
CREATE TABLE IF NOT EXISTS batches (
    batch TEXT PRIMARY KEY, asked TEXT NOT NULL, calls TEXT NOT NULL, seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    batch TEXT NOT NULL, answer TEXT NOT NULL, place INTEGER NOT NULL,
    numbers TEXT NOT NULL, pictures BLOB NOT NULL,
    PRIMARY KEY (batch, answer, place)
) WITHOUT ROWID;
"""
PATIENCE = 30.0  # seconds that another process may take to write


@dataclass(frozen=True)
class AnsweredPictures:
    """One answer to each picture of a batch.

    :ivar numbers: of each picture, float64 [B], by name.
    :ivar arrays: of each picture, [B, ...], by name.
    """

    numbers: Mapping[str, np.ndarray]
    arrays: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))


@dataclass(frozen=True)
class Batch:
    """What a batch came to.

    :ivar answers: by the answer's name; the first is the method's own.
    :ivar calls: of each network, forward and backward; every picture goes through all of them.
    :ivar seconds: of the whole batch.
    """

    answers: Mapping[str, AnsweredPictures]
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    seconds: float = 0.0


class AnswerStore:
    """Finished batches by a name that says all that they depend on.

    :param path: the file, which is made when the first batch is written; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def get(self, name: str) -> Batch | None:
        """Return a finished batch; None where it is not finished yet.

        :raises BadInput: the file is no such store.
        """
        if self._path is None or not self._path.is_file():
            return None
        with self._opened() as file:
            found = file.execute(
                "SELECT calls, seconds FROM batches WHERE batch = ?", (name,)
            ).fetchone()
            if found is None:
                return None
            records = file.execute(
                "SELECT answer, numbers, pictures FROM answers WHERE batch = ? ORDER BY answer, "
                "place",
                (name,),
            ).fetchall()
        names = list(dict.fromkeys(answer for answer, _, _ in records))
        answers = {
            answer: _together([(n, p) for a, n, p in records if a == answer]) for answer in names
        }
        return Batch(answers, json.loads(found[0]), found[1])

    def has(self, name: str) -> bool:
        """Whether a batch is finished.

        :raises BadInput: the file is no such store.
        """
        if self._path is None or not self._path.is_file():
            return False
        with self._opened() as file:
            found = file.execute("SELECT 1 FROM batches WHERE batch = ?", (name,)).fetchone()
        return found is not None

    def put(self, name: str, asked: Mapping[str, Any], batch: Batch) -> None:
        """Keep a finished batch, all of it or nothing.

        :param asked: what it depends on, for who reads the file.
        :raises BadInput: the file is no such store, or cannot be written.
        """
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(unwritten(Sentence("the answers"), error)) from error
        with self._opened() as file, file:
            file.execute(
                "INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?)",
                (name, json.dumps(asked), json.dumps(batch.calls), batch.seconds),
            )
            file.executemany(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)",
                [
                    (name, answer, place, _numbers(found, place), _arrays(found, place))
                    for answer, found in batch.answers.items()
                    for place in range(len(found))
                ],
            )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        assert self._path is not None
        try:
            with closing(sqlite3.connect(self._path, timeout=PATIENCE)) as file:
                file.executescript(TABLES)
                yield file
        except sqlite3.Error as error:
            raise BadInput(
                "{path} cannot be used for the answers ({error}); give --out another folder, "
                "or remove the file",
                path=self._path,
                error=error,
            ) from error


def _numbers(found: AnsweredPictures, place: int) -> str:
    return json.dumps({name: float(values[place]) for name, values in found.numbers.items()})


def _arrays(found: AnsweredPictures, place: int) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, allow_pickle=False, **{name: values[place] for name, values in found.arrays.items()}
    )
    return buffer.getvalue()


def _together(records: list[tuple[str, bytes]]) -> AnsweredPictures:
    numbers = [json.loads(text) for text, _ in records]
    arrays = []
    for _, content in records:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays.append({name: stored[name] for name in stored.files})
    return AnsweredPictures(
        {name: np.array([one[name] for one in numbers]) for name in numbers[0]},
        {name: np.stack([one[name] for one in arrays]) for name in arrays[0]},
    )
