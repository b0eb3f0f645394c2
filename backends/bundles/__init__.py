"""Domains: what a bundle.json says, the parts it names, and the models that people trained.

:mod:`~backends.bundles.bundle` opens them, :mod:`~backends.bundles.manifest` describes them.
"""

from backends.bundles.bundle import (
    ASSETS,
    ORACLE,
    Bundle,
    find,
    get,
    installed,
    write_manifest,
    write_part,
)
from backends.bundles.manifest import (
    MANIFEST,
    Example,
    Manifest,
    Part,
    Property,
    TestPictures,
    Training,
    read_manifest,
)

__all__ = [
    "ASSETS",
    "MANIFEST",
    "ORACLE",
    "Bundle",
    "Example",
    "Manifest",
    "Part",
    "Property",
    "TestPictures",
    "Training",
    "find",
    "get",
    "installed",
    "read_manifest",
    "write_manifest",
    "write_part",
]
