"""The shape of a digit: area, length, thickness, slant, width and height.

Castro et al.: Morpho-MNIST, JMLR 2019, https://arxiv.org/abs/1809.10780. LeapFactual's table 2 has
absolute relative errors against the reconstruction. A slant near zero makes these explode, so that
their median is told, too, and plain differences stand beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backends.metrics.metric import metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Morphometry", "length_change", "measure", "slant_change", "thickness_change"]

SCALE = 4  # the digit is measured on a picture enlarged this many times
OUTSIDE = 0.02  # share of the ink that may lie outside the bounding parallelogram, each axis
# Each pair of neighbouring skeleton pixels counts once: to the right, and the three below.
LINKS = np.array([[0, 0, 0], [0, 0, 1], [np.sqrt(2), 1, np.sqrt(2)]])


class Morphometry(NamedTuple):
    """Of one digit, in pixels of its own picture: area (square pixels), length and mean thickness
    of the stroke, slant (radians, positive to the right), width and height."""

    area: float
    length: float
    thickness: float
    slant: float
    width: float
    height: float


def measure(picture: np.ndarray, seed: int = 42) -> Morphometry:
    """Measure one digit [H, W], white on black, uint8 or float in [0, 1].

    Integers are cut to whole grey levels after enlarging and floats are not, as in the authors'
    code; the stroke's length differs by 1.4 % on average between the two.

    :param seed: the skeleton breaks ties at random; without a seed the same digit's length
        wanders by several percent.
    """
    from scipy import ndimage
    from skimage import morphology, transform

    large = 255 * transform.pyramid_expand(picture, upscale=SCALE, order=3)
    large = large.astype(picture.dtype)
    low, high = large.min(), large.max()
    ink = large >= low + (high - low) * 0.5
    skeleton, to_paper = morphology.medial_axis(ink, return_distance=True, rng=seed)
    neighbours = ndimage.correlate(skeleton.astype(float), LINKS, mode="constant")
    shear, width, height = _frame(large.astype(float))
    return Morphometry(
        area=float(ink.sum() / SCALE**2),
        length=float(neighbours[skeleton].sum() / SCALE),
        thickness=float(2 * to_paper[skeleton].mean() / SCALE),
        slant=float(np.arctan(-shear)),
        width=width / SCALE,
        height=height / SCALE,
    )


def _frame(ink: np.ndarray) -> tuple[float, float, float]:
    """Shear u11/u02 of the ink, and the sides of the parallelogram with that shear that holds all
    but the outermost ink, in pixels of the enlarged picture."""
    y, x = np.indices(ink.shape)
    total = ink.sum()

    def mean(values: Any) -> float:
        return float((values * ink).sum() / total)

    middle = mean(y)
    shear = (mean(x * y) - mean(x) * middle) / (mean(y**2) - middle**2)
    ends = (OUTSIDE / 2, 1 - OUTSIDE / 2)
    columns, rows = np.arange(ink.shape[1]), np.arange(ink.shape[0])
    # Ink to the left of the sheared line through column t, and ink above row t.
    left_of = [((x + 0.5 < t + shear * (y - middle)) * ink).sum() / total for t in columns]
    above = [ink[:t].sum() / total for t in rows]
    left, right = np.interp(ends, left_of, columns)
    top, bottom = np.interp(ends, above, rows)
    return float(shear), float(right - left), float(bottom - top)


def _change(strokes: tuple[Tensor, Tensor], name: str) -> Tensor:
    before, after = strokes
    at = Morphometry._fields.index(name)
    return (after[:, at] - before[:, at]).abs()


@metric(
    "thickness_change", "Change of the stroke's thickness", "lower", "pixels",
    library="scikit-image", scope="row", meaning="either way, of the digits that are measured",
)  # fmt: skip
def thickness_change(strokes: tuple[Tensor, Tensor]) -> Tensor:
    """Absolute change of the stroke's mean thickness, [N]."""
    return _change(strokes, "thickness")


@metric(
    "slant_change", "Change of the slant", "lower", "radians", library="scikit-image",
    scope="row", meaning="either way, of the digits that are measured",
)  # fmt: skip
def slant_change(strokes: tuple[Tensor, Tensor]) -> Tensor:
    """Absolute change of the slant, [N]."""
    return _change(strokes, "slant")


@metric(
    "length_change", "Change of the stroke's length", "neither", "pixels",
    library="scikit-image", scope="row", meaning="either way, of the digits that are measured",
)  # fmt: skip
def length_change(strokes: tuple[Tensor, Tensor]) -> Tensor:
    """Absolute change of the stroke's length, [N]."""
    return _change(strokes, "length")


def _relative(rebuilt_strokes: tuple[Tensor, Tensor], name: str) -> Tensor:
    """|after - rebuilt| / |rebuilt| of one property, [N]."""
    at = Morphometry._fields.index(name)
    rebuilt, after = (table[:, at] for table in rebuilt_strokes)
    return ((after - rebuilt) / rebuilt).abs()


def _register_relative(name: str) -> None:
    """Enter the relative error of one property, as LeapFactual's table 2 has it."""

    def relative(rebuilt_strokes: tuple[Tensor, Tensor]) -> Tensor:
        return _relative(rebuilt_strokes, name)

    explosive = "; explodes where the reconstruction is upright" if name == "slant" else ""
    metric(
        f"{name}_relative", f"Relative change of the {WORDS[name]}", "lower", "share",
        library="scikit-image", scope="row", median=True,
        meaning=f"|x' - g(z)| / g(z) of the first digits, g(z) the reconstruction{explosive}",
    )(relative)  # fmt: skip


WORDS = {
    "area": "ink's area", "length": "stroke's length", "thickness": "stroke's thickness",
    "slant": "slant", "width": "width", "height": "height",
}  # fmt: skip
for _name in Morphometry._fields:
    _register_relative(_name)
