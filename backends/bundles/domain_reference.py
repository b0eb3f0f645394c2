"""What real pictures of a bundle's domain measure: comes with the bundle, or is measured once and
lies in the person's cache.

It holds only for the networks that measured it, so it carries their fingerprints.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from backends.bundles.manifest import folder_name
from backends.fetching import cache
from backends.files import atomic_write

if TYPE_CHECKING:
    from backends.bundles.bundle import Bundle

__all__ = ["DomainReference", "Spread", "read", "write"]

FILE = "domain.json"


class Spread(BaseModel):
    """One measure of real pictures: its 1st percentile, its median and its 99th percentile."""

    low: float
    median: float
    high: float


class DomainReference(BaseModel):
    """What the measures of ``count`` real pictures are.

    :ivar made_by: sha256 by name of the parts that measured it, and of the pictures' file.
    :ivar limit: the greatest oddness (:func:`backends.service.domain.oddness`) among them.
    """

    made_by: dict[str, str]
    count: int
    measures: dict[str, Spread]
    limit: float


def read(bundle: Bundle, made_by: dict[str, str]) -> DomainReference | None:
    """The reference that these parts, and maybe others, measured; None where there is none."""
    for path in (bundle.folder / FILE, _place(bundle)):
        with suppress(OSError, ValidationError):
            found = DomainReference.model_validate_json(path.read_bytes())
            if made_by.items() <= found.made_by.items():
                return found
    return None


def write(bundle: Bundle, reference: DomainReference, *, shipped: bool = False) -> None:
    """Keep a reference in the person's cache, where that can be written.

    :param shipped: into the bundle's own folder instead.
    """
    path = bundle.folder / FILE if shipped else _place(bundle)
    with suppress(OSError):  # a cache that is shared and read-only
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as scratch:
            scratch.write_text(reference.model_dump_json(indent=2) + "\n")


def _place(bundle: Bundle) -> Path:
    return cache.root() / "domains" / folder_name(bundle.name) / FILE
