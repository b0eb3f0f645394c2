"""Answers as files: pictures, zips, tables, reports."""

from studio.export.data_urls import data_url, encoded_url
from studio.export.files import at_once, write, write_all, write_zip
from studio.export.heatmaps import (
    absolute_difference,
    as_picture,
    coloured,
    deviation,
    difference_from_reconstruction,
    enlarge,
    important_changes,
    signed_difference,
    spectrum_plot,
)
from studio.export.returned import Returned, read_returned

__all__ = [
    "Returned",
    "absolute_difference",
    "as_picture",
    "at_once",
    "coloured",
    "data_url",
    "deviation",
    "difference_from_reconstruction",
    "encoded_url",
    "enlarge",
    "important_changes",
    "read_returned",
    "signed_difference",
    "spectrum_plot",
    "write",
    "write_all",
    "write_zip",
]
