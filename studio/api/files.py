"""Files in and out of messages."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backends import service
from backends.core import Frame
from backends.errors import BadInput
from studio import export
from studio.export.formats import write_answer
from studio.runs import Run

__all__ = ["decoded", "files_of", "frame_record", "pictures_of", "urls_of", "zip_of"]


def decoded(text: str, what: str) -> bytes:
    """Read a data URL, or base64.

    :param what: it is, for messages.
    :raises BadInput: it is neither, or there is none.
    """
    if not text:
        raise BadInput("{what} is missing; send a file, or a data URL", what=what)
    content = text.partition(",")[2] if text.startswith("data:") else text
    try:
        # Programs wrap base64 into lines, and forms make a space of a plus.
        return base64.b64decode("".join(content.strip().replace(" ", "+").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("{what} is no data URL and no base64; send a file", what=what) from error


def frame_record(frame: Frame) -> dict[str, Any]:
    """What a program gets of a step, with its picture as a data URL."""
    return {
        "index": frame.index, "total": frame.total, "phase": frame.phase,
        "target_probability": frame.target_probability, "seconds": frame.seconds,
        "picture": export.data_url(export.as_picture(frame.picture)),
    }  # fmt: skip


def files_of(run: Run, formats: Sequence[str] = ()) -> dict[str, bytes]:
    """An answer's files by name, as ``explain --out`` writes them; all but ``result.json``.

    :param formats: of reports and films among them (:data:`studio.export.formats.FORMATS`).
    """
    with _written(run, formats) as folder:
        return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.suffix != ".json"}


def urls_of(run: Run, formats: Sequence[str] = ()) -> dict[str, str]:
    """An answer's files by name, as data URLs; ``formats`` as of :func:`files_of`."""
    found = {}
    for name, content in files_of(run, formats).items():
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        found[name] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return found


def pictures_of(run: Run) -> dict[str, str]:
    """The pictures of an answer alone, as data URLs, without a file on the disk."""
    answer = run.answer
    assert answer is not None
    arrays = {
        "factual": answer.factual, "counterfactual": answer.counterfactual, "region": answer.mask,
    }  # fmt: skip
    return {f"{name}.png": export.data_url(export.as_picture(a)) for name, a in arrays.items()}


def zip_of(run: Run, formats: Sequence[str] = ()) -> bytes:
    """An answer's files as the page's zip; ``formats`` as of :func:`files_of`."""
    with _written(run, formats) as folder:
        archive = folder.parent / "answer.zip"
        export.write_zip(archive, folder)
        return archive.read_bytes()


@contextmanager
def _written(run: Run, formats: Sequence[str]) -> Iterator[Path]:
    """A folder of the answer's files, which is removed after."""
    assert run.answer is not None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "answer"
        export.write(folder, run.answer, run.frames)
        if formats:
            about = service.about(run.request.bundle)
            write_answer(folder, formats, run.answer, run.frames, about)
        yield folder
