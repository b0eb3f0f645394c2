"""A model that no bundle brings as the classifier of one that a person made: a part whose file is
the person's own, in whatever format it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backends.targets.outside.load import load
from backends.targets.outside.network import Outside
from backends.targets.reference import parse

__all__ = ["OutsidePart"]


class OutsidePart:
    """How a bundle's part of that architecture is loaded."""

    @staticmethod
    def from_file(
        path: Path, device: str, *, reference: str, size: int, channels: int, classes: list[str]
    ) -> Outside:
        """Load the model.

        :param path: its file in the bundle's folder, which the reference names as its own; the
            bundle's folder where it has none.
        :param reference: as the person wrote it.
        :param size: side of the bundle's pictures.
        :raises StudioError: it is not here, or cannot be read.
        """
        found = parse(reference)
        if path.is_file():
            file = str(path)
            found = replace(found, weights=file) if found.weights else replace(found, name=file)
        return load(found, size=size, channels=channels, classes=classes, device=device)
