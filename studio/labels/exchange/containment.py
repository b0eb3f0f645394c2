"""Whether a file lies in the folder that a person gave."""

from __future__ import annotations

from pathlib import Path

__all__ = ["inside"]


def inside(path: Path, folder: Path) -> bool:
    """Whether a path is a file that lies in the folder, also where the path is a link."""
    try:
        return path.is_file() and path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # too long a name, a NUL in it, links in a circle
        return False
