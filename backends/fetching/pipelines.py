"""Folders in diffusers' layout: here, or in a repository of the model hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backends.errors import NotFound, Unreachable
from backends.fetching.checkpoints import is_repository

__all__ = ["folder"]

# No pickles, and neither the safety checker nor a second copy of the weights.
WANTED = (
    "model_index.json", "scheduler/*", "tokenizer/*", "*/config.json",
    *(f"{part}/*.safetensors" for part in ("unet", "vae", "text_encoder")),
)  # fmt: skip
UNWANTED = ("*.fp16.*", "*.non_ema.*")


def folder(source: str) -> Path:
    """The file or folder of that name, or the repository's snapshot, which is fetched if the hub's
    cache on this machine lacks it.

    :param source: a path, or owner/name.
    :raises NotFound: there is no such path, and it can be no repository.
    :raises Unreachable: the hub does not answer, or has no such repository.
    """
    path = Path(source).expanduser()
    if path.exists():
        return path
    if not is_repository(source):
        raise NotFound(
            "there is no file or folder {source}; name a checkpoint, a folder in "
            "diffusers' layout, or a repository of the model hub such as "
            "lambda/miniSD-diffusers",
            source=source,
        )
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    patterns: Any = {"allow_patterns": list(WANTED), "ignore_patterns": list(UNWANTED)}
    try:
        return Path(
            huggingface_hub.snapshot_download(  # nosec B615 # what is here already
                source, local_files_only=True, **patterns
            )
        )
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(
            huggingface_hub.snapshot_download(source, **patterns)  # nosec B615 # its owner names it
        )
    except Exception as error:  # whatever the client's HTTP library of the day raises
        raise Unreachable(
            "{source} cannot be fetched from the model hub; check its name and the "
            "connection, or name a folder that holds it",
            source=source,
        ) from error
