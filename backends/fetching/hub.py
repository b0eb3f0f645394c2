"""Files from the model hub, through the hub's own client and into its own cache."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from backends.errors import MissingPart, Unreachable
from backends.fetching import cache
from backends.fetching.source import Hub

__all__ = ["files"]


def files(source: Hub, folder: Path | None, offline: bool) -> dict[str, Path]:
    """The source's files by name, each with its sha256.

    :param folder: where they lie instead of on the hub.
    :param offline: only what the hub's cache on this machine has.
    :raises Unreachable: the hub does not answer or does not have them.
    :raises MissingPart: they are not here, or not those that the bundle names.
    """
    found = {}
    for name, sha256 in source.files.items():
        base = PurePosixPath(name).name
        path = folder / base if folder else _file(source, name, offline)
        if not folder and not offline and cache.digest(path) != sha256:
            path = _file(source, name, offline, again=True)
        if not path.is_file():
            raise MissingPart(f"{base} is not in {folder}; put it there")
        if cache.digest(path) != sha256:
            raise MissingPart(f"{path} is not the file that the bundle names (its sha256 differs)")
        found[name] = path
    return found


def _file(source: Hub, name: str, offline: bool, again: bool = False) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            hf_hub_download(
                source.repo, name, revision=source.revision, local_files_only=offline,
                force_download=again,
            )
        )  # fmt: skip
    except LocalEntryNotFoundError as error:
        if offline:
            raise MissingPart(
                f"{name} of {source.repo} is not here and --offline forbids to fetch it; "
                "give --from FOLDER"
            ) from error
        raise Unreachable(
            f"{name} of {source.repo} cannot be reached on the model hub; check the connection "
            "or give --from FOLDER"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise Unreachable(
            f"{name} of {source.repo} cannot be fetched from the model hub; check the "
            "connection and your permission, or give --from FOLDER"
        ) from error
