"""Files in and out of messages."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import tempfile
from pathlib import Path

from backends.errors import BadInput
from studio import export
from studio.runs import Run

__all__ = ["decoded", "urls_of", "write_answer", "zip_of"]


def decoded(text: str, what: str) -> bytes:
    """Read a data URL, or base64.

    :param what: it is, for messages.
    :raises BadInput: it is neither, or there is none.
    """
    if not text:
        raise BadInput(f"{what} is missing; send a file, or a data URL")
    content = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"{what} is no data URL and no base64; send a file") from error


def write_answer(run: Run, folder: Path) -> list[Path]:
    """Write an answer's files, as ``explain --out`` does; all but ``result.json`` are returned."""
    assert run.answer is not None
    export.write(folder, run.answer, run.frames)
    return sorted(path for path in folder.iterdir() if path.suffix != ".json")


def urls_of(run: Run) -> dict[str, str]:
    """An answer's files by name, as data URLs."""
    with tempfile.TemporaryDirectory() as scratch:
        found = {}
        for path in write_answer(run, Path(scratch) / "answer"):
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            content = base64.b64encode(path.read_bytes()).decode()
            found[path.name] = f"data:{kind};base64,{content}"
        return found


def zip_of(run: Run) -> bytes:
    """An answer's files as the page's zip."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, archive = Path(scratch) / "answer", Path(scratch) / "answer.zip"
        write_answer(run, folder)
        export.write_zip(archive, folder)
        return archive.read_bytes()
