"""Pictures in and out of the backends, and their resampling."""

from backends.imaging.pictures import (
    MAX_PIXELS,
    composite,
    digit_like,
    eight_bit,
    fit_square,
    painted_mask,
    read_mask,
    read_picture,
    require_area,
    to_array,
    to_tensor,
)

__all__ = [
    "MAX_PIXELS",
    "composite",
    "digit_like",
    "eight_bit",
    "fit_square",
    "painted_mask",
    "read_mask",
    "read_picture",
    "require_area",
    "to_array",
    "to_tensor",
]
