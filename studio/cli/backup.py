"""``python -m studio backup`` and ``restore``: all that is kept, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["backup", "restore"]

DatabaseOption = Annotated[
    str | None, typer.Option(help="File or address of the labels; else STUDIO_DATABASE")
]


def backup(
    file: Annotated[Path, typer.Argument(help="New file, such as studio.zip")],
    database: DatabaseOption = None,
) -> None:
    """Write all that is kept into one file, also while the studio runs; prints what is in it."""
    from backends.settings import settings
    from studio.cli import archive

    print(archive.printed(archive.backup(file, database or settings().database)))


def restore(
    file: Annotated[Path, typer.Argument(help="What backup wrote")],
    database: DatabaseOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put aside what is there, and keep it")
    ] = False,
) -> None:
    """Bring back what backup wrote; stop the studio before. Prints what was in it."""
    from backends.settings import settings
    from studio.cli import archive

    place = database or settings().database
    print(archive.printed(archive.restore(file, place, replace=replace)))
