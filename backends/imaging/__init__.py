"""Pictures in and out of the backends, and their resampling."""

from backends.imaging.adjusting import Adjustment, adjusted
from backends.imaging.confined_reading import confine
from backends.imaging.digit import digit_like, placed_digit
from backends.imaging.fitted import fitted
from backends.imaging.masks import as_bytes, painted_mask, read_mask, require_area
from backends.imaging.originals import feathered, kept, original_picture
from backends.imaging.pages import MAX_PIXELS
from backends.imaging.pictures import (
    composite,
    eight_bit,
    fit_square,
    letterboxed,
    squeezed,
    to_array,
    to_tensor,
)
from backends.imaging.placement import carried, centred, padded, pasted, whole
from backends.imaging.reading import Reading, read, read_picture
from backends.imaging.shapes import grown, in_polygon
from backends.imaging.windows import window_in

__all__ = [
    "MAX_PIXELS",
    "Adjustment",
    "Reading",
    "adjusted",
    "as_bytes",
    "carried",
    "centred",
    "composite",
    "confine",
    "digit_like",
    "eight_bit",
    "feathered",
    "fit_square",
    "fitted",
    "grown",
    "in_polygon",
    "kept",
    "letterboxed",
    "original_picture",
    "padded",
    "painted_mask",
    "pasted",
    "placed_digit",
    "read",
    "read_mask",
    "read_picture",
    "require_area",
    "squeezed",
    "to_array",
    "to_tensor",
    "whole",
    "window_in",
]
