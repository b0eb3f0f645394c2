"""Published checkpoints that a person added to a bundle: they lie beside the program, which may be
read-only, and bundles use them in the place of parts of their own.

``parts/<bundle>/<part>.json`` is an entry as in bundle.json; the file that it names lies with it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from backends.bundles.manifest import Part, folder_name
from backends.errors import BadInput
from backends.fetching.cache import digest
from backends.files import atomic_write
from backends.settings import settings

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["State", "forget", "is_added", "place", "read", "state", "write"]

State = tuple[tuple[str, int, int], ...]


def place(bundle: str) -> Path:
    """Where the parts that were added to a bundle lie, by the name in its bundle.json;
    ``STUDIO_PARTS`` moves it."""
    return settings().parts / folder_name(bundle)


def state(bundle: str) -> State:
    """What changes whenever a part comes, changes or goes, in this process or in another."""
    try:
        with os.scandir(place(bundle)) as entries:
            found = [
                (entry.name, entry.stat().st_mtime_ns, entry.inode())
                for entry in entries
                if entry.name.endswith(".json")
            ]
    except OSError:
        return ()
    return tuple(sorted(found))


def read(bundle: str) -> dict[str, Part]:
    """The added parts by name, their files as whole paths; an entry that cannot be understood
    counts as none."""
    parts = {}
    for name, *_ in state(bundle):
        try:
            part = Part.model_validate_json((place(bundle) / name).read_bytes())
        except (OSError, ValidationError):
            continue
        if Path(part.file).name == part.file:
            file = str(place(bundle) / part.file)
            parts[name.removesuffix(".json")] = part.model_copy(update={"file": file})
    return parts


def is_added(bundle: str, part: Part) -> bool:
    """Whether an entry is one of :func:`read`."""
    return Path(part.file).parent == place(bundle)


def write(bundle: str, name: str, part: Part, tensors: Mapping[str, Tensor]) -> None:
    """Keep a part in place of an earlier one of its name.

    :param tensors: of its network, for its file.
    :raises BadInput: the folder cannot be written.
    """
    from safetensors.torch import save_file

    folder = place(bundle)
    before = read(bundle).get(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = folder / f".{name}-{os.getpid()}"
        save_file(dict(tensors), scratch)
        sha256 = digest(scratch)
        file = f"{name}-{sha256[:12]}.safetensors"
        scratch.replace(folder / file)
        entry = part.model_copy(update={"file": file, "sha256": sha256})
        with atomic_write(folder / f"{name}.json") as record:
            record.write_text(entry.model_dump_json(indent=2) + "\n")
        # safetensors lets nobody else read, but a laboratory may share one folder.
        shutil.copymode(folder / f"{name}.json", folder / file)
    except OSError as error:
        raise BadInput(
            "{folder} cannot be written ({strerror}); set STUDIO_PARTS to a folder that can",
            folder=folder,
            strerror=error.strerror,
        ) from error
    if before and Path(before.file).name != file:
        Path(before.file).unlink(missing_ok=True)


def forget(bundle: str, name: str) -> None:
    """Delete an added part.

    :raises BadInput: there is none of that name.
    """
    part = read(bundle).get(name)
    if part is None:
        known = ", ".join(read(bundle)) or "none"
        raise BadInput("nothing was added as {name!r}; there are: {known}", name=name, known=known)
    (place(bundle) / f"{name}.json").unlink(missing_ok=True)
    Path(part.file).unlink(missing_ok=True)
