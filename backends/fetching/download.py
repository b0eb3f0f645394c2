"""Bring one file here over HTTP, however often the connection breaks.

What has arrived lies in ``NAME.part`` and is kept across attempts and across programs: the next
attempt asks for the rest. Nothing but the sha256 is trusted to say that the file is whole, so a
server that ignores ranges, and a file that changed in between, cost time but never a wrong file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from backends.errors import MissingPart, Unreachable
from backends.fetching.cache import digest
from backends.fetching.index import shown

if TYPE_CHECKING:
    from requests import Response, Session

__all__ = ["download", "here", "partial"]

BLOCK = 1 << 18
SECONDS = (10, 60)  # to connect, and between two bytes
ATTEMPTS = 4  # without a byte of progress between them
RESTARTS = 2  # after a whole file whose sha256 was wrong
PAUSE = 0.5  # seconds before the second attempt, doubled before each further one


def partial(path: Path) -> Path:
    """Where a download's beginning is kept."""
    return path.with_name(path.name + ".part")


def here(path: Path) -> int:
    """How many bytes of a download there are."""
    return max(_size(path), _size(partial(path)))


def download(session: Session, url: str, path: Path, size: int, sha256: str) -> Iterator[int]:
    """Bytes that are here, now and then; at the end ``path`` exists and has that ``sha256``.

    :raises Unreachable: the server does not answer, refuses, or breaks off without progress.
    :raises MissingPart: what it sends is, again and again, another file.
    """
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    part = partial(path)
    attempts, restarts = 0, 0
    while True:
        before = _size(part)
        try:
            if before < size:
                yield from _receive(session, url, part, size)
        except (RequestException, HTTPError) as error:
            _raise_if_refused(error, url)
        if _size(part) < size:
            attempts = 1 if _size(part) > before else attempts + 1
            if attempts >= ATTEMPTS:
                raise Unreachable(
                    "{url} cannot be reached; check the connection or give --from FOLDER (what "
                    "has arrived is kept)",
                    url=shown(url),
                )
            time.sleep(PAUSE * 2 ** (attempts - 1))
            continue
        if _size(part) == size and digest(part) == sha256:
            part.replace(path)
            return
        part.unlink()
        restarts += 1
        if restarts > RESTARTS:
            raise MissingPart(
                "{url} is not the file that the bundle names (its sha256 differs); give "
                "--from with a mirror or a folder that has it",
                url=shown(url),
            )


def _receive(session: Session, url: str, part: Path, size: int) -> Iterator[int]:
    """One attempt: append what is missing, or begin again where the server cannot."""
    have = _size(part)
    # As it lies on the server: a .tar.gz must not arrive unpacked.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with session.get(url, headers=headers, stream=True, timeout=SECONDS) as response:
        status, place = response.status_code, response.headers.get("Content-Range", "")
        if status == 416 or (status == 206 and not place.startswith(f"bytes {have}-")):
            part.unlink(missing_ok=True)
            return
        response.raise_for_status()
        arrived = have if status == 206 else 0
        _check_length(response, arrived, size)
        with part.open("ab" if arrived else "wb") as file:
            for block in response.raw.stream(BLOCK, decode_content=False):
                # No more than was announced: a server must not fill the disk.
                file.write(block[: size + 1 - arrived])
                arrived += len(block)
                yield min(arrived, size)
                if arrived > size:
                    return


def _check_length(response: Response, have: int, size: int) -> None:
    length = response.headers.get("Content-Length")
    if length and length.isdigit() and have + int(length) != size:
        raise MissingPart(
            "{url} has {have} bytes instead of {size}: it is not the file that the "
            "bundle names; give --from with a mirror or a folder that has it",
            url=shown(response.url),
            have=have + int(length),
            size=size,
        )


def _raise_if_refused(error: Exception, url: str) -> None:
    """What trying again cannot mend: the server says no."""
    status = getattr(getattr(error, "response", None), "status_code", 500)
    if 400 <= status < 500 and status not in (408, 429):
        raise Unreachable(
            "{url} answers {status}; give --from with a mirror or a folder that has it",
            url=shown(url),
            status=status,
        ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
