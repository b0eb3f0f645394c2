"""A region as people write it: read, written back and described, for the page, the command line,
the Python API and the files alike."""

from backends.regions.grammar import Edited, Given, Inverted, Mixed, RegionSpec, Resized
from backends.regions.kinds import (
    Auto,
    Box,
    BoxPrompt,
    Clicks,
    FreeForm,
    MaskFile,
    Polygon,
    Whole,
    Words,
)

__all__ = [
    "Auto", "Box", "BoxPrompt", "Clicks", "Edited", "FreeForm", "Given", "Inverted", "MaskFile",
    "Mixed", "Polygon", "RegionSpec", "Resized", "Whole", "Words",
]  # fmt: skip
