"""The files of gradio's own folder, what visitors have sent and may download: at most so many bytes
in all."""

from __future__ import annotations

import os
import time
from pathlib import Path

from gradio.utils import get_upload_folder

__all__ = ["trim_shown"]

YOUNG = 60.0  # seconds in which a file may still be read or written


def trim_shown(folder: Path | None = None, *, most: int) -> None:
    """Remove the oldest files beyond so many bytes, and the folders that are empty then."""
    folder = folder or Path(get_upload_folder())
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            try:
                state = path.stat()
            except OSError:  # removed meanwhile
                continue
            found.append((state.st_mtime, state.st_size, path))
    total = sum(size for _, size, _ in found)
    for changed, size, path in sorted(found):
        if total <= most or changed > time.time() - YOUNG:
            return
        path.unlink(missing_ok=True)
        total -= size
        if path.parent != folder and not any(path.parent.iterdir()):
            path.parent.rmdir()
