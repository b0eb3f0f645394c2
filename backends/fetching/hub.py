"""Files of a repository on the model hub, by the hub's own client where it can.

The client says where a file is, with which credentials, and whether its cache on this machine
has it. The bytes come by :mod:`backends.fetching.download`, since the client begins a file anew
when a program was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from backends.errors import MissingPart, Unreachable
from backends.fetching import cache, download
from backends.fetching.source import Hub

if TYPE_CHECKING:
    from requests import Session

__all__ = ["files", "here", "places"]


def places(source: Hub) -> dict[str, Path]:
    """Where each file lies between its download and its conversion."""
    return {
        name: cache.archives() / f"{source.identity}-{PurePosixPath(name).name}"
        for name in source.files
    }


def here(source: Hub) -> int:
    """How many bytes were downloaded already."""
    return sum(map(download.here, places(source).values()))


def files(
    source: Hub, near: Callable[[str], Path | None] | None, offline: bool
) -> Generator[int, None, dict[str, Path]]:
    """Bytes that are here, now and then; returns the files by name, each with its sha256.

    :param near: finds a file by its base name in the person's folder; None lets the hub be asked.
    :raises Unreachable: the hub does not answer or does not give the file.
    :raises MissingPart: a file is not where it may be looked for, or not the one that is named.
    """
    from requests import Session

    found: dict[str, Path] = {}
    with Session() as session:
        for name, path in places(source).items():
            sha256, base = source.files[name], PurePosixPath(name).name
            known = (path, near(base) if near else _cached(source, name))
            whole = [p for p in known if p and p.is_file() and cache.digest(p) == sha256]
            if not whole and near:
                raise MissingPart(
                    "the folder has no {base} with the sha256 that the bundle names; put the "
                    "right one there",
                    base=base,
                )
            if not whole and offline:
                raise MissingPart(
                    "{name} of {repo} is not here and --offline forbids to fetch it; give --from "
                    "FOLDER",
                    name=name,
                    repo=source.repo,
                )
            if not whole:
                before = sum(p.stat().st_size for p in found.values())
                url, size = _announced(source, name, session)
                for done in download.download(session, url, path, size, sha256):
                    yield min(before + done, source.size)
            found[name] = whole[0] if whole else path
    return found


def _cached(source: Hub, name: str) -> Path | None:
    """The file in the client's own cache."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repo, name, revision=source.revision)
    return Path(found) if isinstance(found, str) else None


def _announced(source: Hub, name: str, session: Session) -> tuple[str, int]:
    """URL and size in bytes; the session gets the person's credentials for the hub."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    session.headers.update(build_hf_headers())
    url = huggingface_hub.hf_hub_url(source.repo, name, revision=source.revision)
    try:
        size = huggingface_hub.get_hf_file_metadata(url).size
    except HfHubHTTPError as error:
        raise Unreachable(
            "{name} of {repo} is not given out by the model hub; see there whether its "
            "terms must be accepted first, or give --from FOLDER",
            name=name,
            repo=source.repo,
        ) from error
    except Exception as error:  # whatever the client's HTTP library of the day raises
        raise Unreachable(
            "the model hub cannot be reached; check the connection or give --from FOLDER"
        ) from error
    if size is None:
        raise Unreachable(
            "the model hub does not tell the size of {name}; give --from FOLDER", name=name
        )
    return url, size
