"""Answers as files: pictures, zips, tables, reports."""

from studio.export.files import at_once, write, write_all, zipped
from studio.export.heatmaps import (
    absolute_difference,
    as_picture,
    coloured,
    difference_from_reconstruction,
    enlarge,
    important_changes,
    signed_difference,
    spectrum_plot,
)

__all__ = [
    "absolute_difference",
    "as_picture",
    "at_once",
    "coloured",
    "difference_from_reconstruction",
    "enlarge",
    "important_changes",
    "signed_difference",
    "spectrum_plot",
    "write",
    "write_all",
    "zipped",
]
