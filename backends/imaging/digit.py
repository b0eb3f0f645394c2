"""One digit out of a drawing or a photograph, the way MNIST shows it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from backends.core import Placement
from backends.errors import BadInput

__all__ = ["digit_like", "placed_digit"]

BOX = 20  # pixels: the longer side of a digit of MNIST
WORKED_AT = 400  # pixels; a digit's shape needs no more
FITTED_AT = 48  # pixels; enough for how light falls
TOP = 0.003  # of the pixels: what the thinnest pen covers
THINNEST = 1.7  # pixels of MNIST; a thinner line is grown to it
FAINTEST = 0.05  # natural logarithm: ink is 5 % darker or brighter than its paper


def digit_like(picture: Image.Image, size: int) -> Image.Image:
    """The picture of :func:`placed_digit`."""
    return placed_digit(picture, size)[0]


def placed_digit(picture: Image.Image, size: int) -> tuple[Image.Image, Placement]:
    """Any picture of one digit, the way MNIST shows it: white ink on black, the digit's longer
    side 20 pixels, its centre of mass in the middle (LeCun et al., 1998, section III.A).

    Ink is what is darker or brighter than the paper around it, whichever stands out more; so
    the paper's grey, the light on it and the width of the pen do not matter.
    A grey picture of MNIST's size, white on black, is taken as it is.

    :param picture: of mode L or RGB.
    :param size: of the square that is returned, in pixels, 28 or more.
    :return: the square, and where it lies in the picture.
    :raises BadInput: no ink is found, or only specks.
    """
    if _as_mnist(picture, size):
        margin = (size - picture.width) // 2
        box = (-margin, -margin, size - margin, size - margin)
        return ImageOps.expand(picture, margin), Placement(picture.size, box)
    original = picture.size
    picture = _small(picture if picture.mode == "L" else picture.convert("L"))
    ink, (first_row, first_column) = _cropped(
        _digit_of(_ink(np.asarray(picture, dtype=np.float32)))
    )
    scale = BOX / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = Image.fromarray((ink * 255).astype(np.uint8)).resize(
        (width, height), Image.Resampling.BOX
    )
    weights = np.asarray(small, dtype=np.float32)
    weights *= 255 / weights.max()
    # The mass belongs to the scaled weights: a thin pen's digit would leave the square otherwise.
    total = weights.sum()
    x = (weights.sum(0) * (np.arange(width) + 0.5)).sum() / total
    y = (weights.sum(1) * (np.arange(height) + 0.5)).sum() / total
    canvas = Image.new("L", (size, size))
    left, top = round(size / 2 - x), round(size / 2 - y)
    canvas.paste(Image.fromarray(weights.round().astype(np.uint8)), (left, top))
    # Pixels of the original for each of the square.
    across = ink.shape[1] / width * original[0] / picture.width
    down = ink.shape[0] / height * original[1] / picture.height
    start = (
        first_column * original[0] / picture.width - left * across,
        first_row * original[1] / picture.height - top * down,
    )
    box = (start[0], start[1], start[0] + size * across, start[1] + size * down)
    return canvas, Placement(original, box, alike=False)


def _small(picture: Image.Image) -> Image.Image:
    """The picture at :data:`WORKED_AT` pixels, or as it is where it is smaller."""
    scale = WORKED_AT / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)


def _as_mnist(picture: Image.Image, size: int) -> bool:
    if picture.mode != "L" or picture.size not in ((size, size), (28, 28)):
        return False
    values = np.asarray(picture)
    border = _border(values)
    return bool(border.max() < 64 <= values.max())


def _border(values: np.ndarray) -> np.ndarray:
    """The outermost values of [H, W], the corners twice: [2 H + 2 W]."""
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _ink(values: np.ndarray) -> np.ndarray:
    """How much each pixel of a grey picture [H, W] stands out as ink, 0 or more.

    Light multiplies what paper and ink reflect, so that a difference of logarithms is the same
    in the light and in the shade.

    :raises BadInput: nothing stands out.
    """
    logs = np.log(values + 16)
    # Where a digit fills the picture, in even light, its border alone is paper.
    papers = (np.median(_border(logs)), _background(logs))
    found = [_standing_out(logs - paper) for paper in papers]
    inks = [ink for ink in found if ink is not None]
    if not inks:
        raise BadInput("the picture is blank: no ink was found; draw or choose a digit")
    return min(inks, key=_half_shades)


def _standing_out(contrast: np.ndarray) -> np.ndarray | None:
    """The darker or the brighter part of a contrast [H, W], whichever is greater; None where it
    is hardly more than grain."""
    from scipy import ndimage

    if max(contrast.shape) > 100:  # a smaller picture has no pixel to spare
        contrast = ndimage.gaussian_filter(contrast, 0.8)
    noise = 1.4826 * float(np.median(np.abs(contrast - np.median(contrast))))
    darker, brighter = _greatest(-contrast), _greatest(contrast)
    if max(darker, brighter) < max(FAINTEST, 4 * noise):
        return None
    return ((-contrast if darker > brighter else contrast) - noise).clip(0)


def _half_shades(ink: np.ndarray) -> float:
    """How many pixels are between paper and ink, for each that is ink: few where the background
    is right, many where shade is left."""
    share = ink / _greatest(ink)
    return float(((share > 0.15) & (share < 0.6)).sum() / max((share >= 0.6).sum(), 1))


def _greatest(contrast: np.ndarray) -> float:
    """The mean of the greatest values: of so many that a few glaring pixels do not count."""
    count = max(4, int(TOP * contrast.size))
    return float(np.partition(contrast.ravel(), -count)[-count:].mean())


def _background(values: np.ndarray) -> np.ndarray:
    """What a picture [H, W] would be without ink: a smooth surface for the light and, around
    it, medians, which follow the borders of shadows."""
    from scipy import ndimage

    height, width = values.shape
    scale = min(1.0, FITTED_AT / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    picture = Image.fromarray(values)
    small = np.asarray(picture.resize(size, Image.Resampling.BOX))
    surface = _surface(small)
    window = max(3, int(0.45 * min(size)) | 1)
    local = ndimage.median_filter(small - surface, window, mode="nearest")
    background = Image.fromarray((surface + local).astype(np.float32))
    return np.asarray(background.resize((width, height), Image.Resampling.BILINEAR))


def _surface(values: np.ndarray) -> np.ndarray:
    """The polynomial of degree 4 in x and y that is nearest to most of the values [H, W]."""
    height, width = values.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    degree = 4 if min(values.shape) >= 32 else 2
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    basis = np.stack([x.ravel() ** i * y.ravel() ** j for i, j in powers], 1)
    # What lies at the border is paper more often than what lies in the middle.
    border = np.where(np.maximum(abs(x), abs(y)).ravel() > 0.8, 2.0, 1.0)
    target, weights = values.ravel(), border
    for _ in range(8):  # iteratively reweighted least squares: the least absolute deviations
        scaled = basis * weights[:, None]
        solution = np.linalg.lstsq(scaled.T @ basis, scaled.T @ target, rcond=None)[0]
        weights = border / np.maximum(np.abs(target - basis @ solution), 0.01)
    return (basis @ solution).reshape(height, width)


def _digit_of(ink: np.ndarray) -> np.ndarray:
    """The ink [H, W] that belongs to the digit, in [0, 1]; shade, grain, specks and what comes
    in from the picture's border are 0.

    :raises BadInput: there are only specks.
    """
    from scipy import ndimage

    strongest = _greatest(ink)
    marked = ink > 0.35 * strongest
    reach = max(1, round(0.012 * max(ink.shape))) if max(ink.shape) > 100 else 0
    joined = ndimage.binary_dilation(marked, np.ones((3, 3)), iterations=reach) if reach else marked
    labels, count = ndimage.label(joined, np.ones((3, 3)))
    pieces = np.arange(1, count + 1)
    mass = np.asarray(ndimage.sum_labels(ink * marked, labels, pieces))
    places = ndimage.find_objects(labels)
    lengths = np.array([max(s.stop - s.start for s in place) - 2 * reach for place in places])
    large = lengths >= max(3, 0.08 * min(ink.shape))
    inside = np.array([_inside(place, ink.shape, reach) for place in places])
    if (large & inside).any():
        large &= inside
    if not large.any():
        raise BadInput("only specks were found, no digit; draw or choose a digit")
    near = mass >= 0.04 * mass[large].max()
    kept = np.isin(labels, pieces[near & (inside | large)])
    if (large & inside).any():
        kept = np.isin(labels, pieces[near & inside])
    level = float(np.quantile(ink[kept & marked], 0.8))
    # Shade and grain of photographed paper stay below this, ink does not.
    return np.where(kept, ((ink / level - 0.25) / 0.5).clip(0, 1), 0)


def _inside(place: tuple[slice, ...], shape: tuple[int, ...], reach: int) -> bool:
    """Whether a piece stays off the picture's border."""
    return all(
        s.start + reach > 0 and s.stop - reach < side for s, side in zip(place, shape, strict=True)
    )


def _cropped(ink: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The ink in [0, 1] within its bounding box, and the box's first row and column, which may be
    below 0; a line too thin for MNIST is grown."""
    from scipy import ndimage

    rows, columns = (np.flatnonzero(ink.max(axis) > 0.5) for axis in (1, 0))
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    solid = ink > 0.5
    # A line of width w has edges on both sides: its area is w / 2 times their length.
    around = solid & ~ndimage.binary_erosion(solid)
    width = 2 * solid.sum() / max(around.sum(), 1)
    grown = 0
    lacking = (THINNEST * longest / BOX - width) / 2
    if lacking > 0.5:
        grown = int(lacking) + 2
        ink = np.pad(ink, grown)
        distance = ndimage.distance_transform_edt(ink <= 0.5)
        ink = np.maximum(ink, (lacking + 0.5 - distance).clip(0, 1))
        rows, columns = (np.flatnonzero(ink.max(axis) > 0.5) for axis in (1, 0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return box, (int(rows[0]) - grown, int(columns[0]) - grown)
