"""A zip of pictures that a person uploads, unpacked once for looking and making."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from backends.errors import BadInput
from studio.labels.exchange.unzip import unpacked
from studio.translation import N_

__all__ = ["Uploads"]

BY_HAND = N_("make the bundle with: python -m studio new NAME --images FOLDER")


class Uploads:
    """Unpacked zips below a folder; the newest only, since they may be large.

    :param folder: made when first needed; whoever owns it removes it at the end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file, self._pictures = "", folder
        self._lock = threading.Lock()

    def pictures(self, file: str | None) -> Path:
        """The folder that was zipped, in which each class has a folder.

        :param file: the zip, where the browser's upload was put.
        :raises BadInput: there is none, or it cannot be unpacked.
        """
        if not file:
            raise BadInput("upload a zip of pictures first, with a folder for each class")
        with self._lock:
            if file != self._file or not self._pictures.is_dir():
                shutil.rmtree(self._folder, ignore_errors=True)
                self._file = ""
                place = self._folder / Path(file).stem
                place.mkdir(parents=True)
                self._pictures = _inner(unpacked(Path(file), place, BY_HAND))
                self._file = file
            return self._pictures


def _inner(folder: Path) -> Path:
    """The folder itself, or the one that holds the folders of classes further inside."""
    while True:
        inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__"))]
        (only,) = inside if len(inside) == 1 else (None,)
        if only is None or not only.is_dir() or not any(path.is_dir() for path in only.iterdir()):
            return folder
        folder = only
