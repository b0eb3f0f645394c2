"""Label sets to and from files, in the formats that other tools read."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studio.labels.exchange import file_formats as file_formats
    from studio.labels.exchange.file_formats import (
        FORMATS,
        IMAGES,
        Exported,
        Imported,
        export,
        format_of,
        import_labels,
    )

__all__ = ["FORMATS", "IMAGES", "Exported", "Imported", "export", "format_of", "import_labels"]


def __getattr__(name: str) -> Any:
    # Imported when first asked for: the process that reads a file needs no database, and starts
    # with every file.
    if name not in (*__all__, "file_formats"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    formats = import_module("studio.labels.exchange.file_formats")
    return formats if name == "file_formats" else getattr(formats, name)
