"""The study: which of several answers convinced people, kept when the studio closes."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from backends.errors import BadInput
from backends.settings import settings

__all__ = ["Study", "usual_file"]

REMEMBERED = 1000  # runs whose last decision is known without reading the file


def usual_file() -> Path:
    """``STUDIO_CHOICES``, or ``choices.jsonl`` where the system keeps a person's data."""
    return settings().choices


class Study:
    """A file with a line a choice, of which the last one of a comparison counts.

    :param file: made with its folder where there is none.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._salt = secrets.token_hex(8)  # so that the study does not know whose page it was
        self._writing = threading.Lock()
        self._decided: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def pseudonym(self, owner: str) -> str:
        """The same for one open page, and no way back to it."""
        return hashlib.sha256((self._salt + owner).encode()).hexdigest()[:12]

    def note(self, study_record: dict[str, Any]) -> None:
        """Add a line.

        :raises BadInput: the file cannot be written.
        """
        with self._writing:
            self._add(study_record)

    def note_decision(self, study_record: dict[str, Any]) -> None:
        """Add a line about a ``run``, unless its last one has the same ``decision`` and ``note``.

        :raises BadInput: the file cannot be written.
        """
        run, said = study_record["run"], (study_record["decision"], study_record["note"])
        with self._writing:
            if self._decided.get(run) == said:
                return
            self._add(study_record)
            self._decided[run] = said
            self._decided.move_to_end(run)
            if len(self._decided) > REMEMBERED:
                self._decided.popitem(last=False)

    def _add(self, study_record: dict[str, Any]) -> None:
        line = json.dumps(study_record, allow_nan=False) + "\n"
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as study:
                study.write(line)
        except OSError as error:
            raise BadInput(
                "your choice is in the zip but could not be added to the study's {name} "
                "({strerror}); whoever runs the studio should set STUDIO_CHOICES to a file "
                "that can be written",
                name=self.file.name,
                strerror=error.strerror,
            ) from error
