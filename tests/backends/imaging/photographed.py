"""Digits as people photograph and draw them, made out of MNIST-like pictures.

Each group is a function of a digit uint8 [28, 28] (white on black) and a random generator.
"""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import skeletonize

Maker = Callable[[np.ndarray, np.random.Generator], Image.Image]
SIDE = 252


def ink_of(digit: np.ndarray, pen: int | None = None) -> np.ndarray:
    """How much ink lies where, float [252, 252] in [0, 1].

    :param pen: the width of the pen in pixels; None keeps the digit's own strokes.
    """
    large = np.asarray(Image.fromarray(digit).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    ink = large > 110
    if pen is not None:
        line = skeletonize(ink)
        ink = line if pen == 1 else ndimage.distance_transform_edt(~line) <= pen / 2
    return ndimage.gaussian_filter(ink.astype(float), 0.4 if pen == 1 else 0.7)


def placed(ink: np.ndarray, rng: np.random.Generator, height: int = 320) -> np.ndarray:
    """The ink somewhere on a larger page, float [height, height * 5 / 4]."""
    width = height * 5 // 4
    page = np.zeros((height, width))
    top, left = rng.integers(0, height - SIDE + 1), rng.integers(0, width - SIDE + 1)
    page[top : top + SIDE, left : left + SIDE] = ink
    return page


def photograph(
    digit: np.ndarray, rng: np.random.Generator, *, pen: int | None = None, paper: float = 225,
    ink: float = 40, side: float = 1.0, vignette: float = 0.0, grain: float = 0.0,
    shadow: float = 1.0, quality: int | None = None,
) -> Image.Image:  # fmt: skip
    """A page with a digit on it, as a camera sees it.

    :param paper: its grey, 0 to 255.
    :param ink: its grey.
    :param side: how much of the light reaches the darker side, 1 is all.
    :param vignette: how much of the light the corners lose, 0 to 1.
    :param grain: standard deviation of the sensor's noise, in grey levels.
    :param shadow: how much light is left in a shadow over part of the page.
    :param quality: of a JPEG; None keeps every bit.
    """
    cover = placed(ink_of(digit, pen), rng)
    height, width = cover.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    turn = rng.uniform(0, 2 * np.pi)
    along = (np.cos(turn) * x + np.sin(turn) * y) / np.sqrt(2)
    light = 1 - (1 - side) * (along + 1) / 2
    light = light * (1 - vignette * (x**2 + y**2) / 2)
    if shadow < 1:
        dark = along > rng.uniform(-0.3, 0.3)
        light = light * (1 - (1 - shadow) * ndimage.gaussian_filter(dark.astype(float), 4))
    values = (paper + (ink - paper) * cover) * light + rng.normal(0, 1, cover.shape) * grain
    picture = Image.fromarray(values.clip(0, 255).round().astype(np.uint8))
    if quality is None:
        return picture
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def card(
    digit: np.ndarray, rng: np.random.Generator, *, kind: str, pen: int | None = 18
) -> Image.Image:
    """An opaque card with a digit and a transparent margin.

    :param kind: ``margin``, ``turned``, ``rounded`` or ``shadow``.
    """
    grey = 250 - 200 * ink_of(digit, pen)
    values = np.pad(grey, 30, constant_values=250).round().astype(np.uint8)
    sheet = Image.fromarray(values).convert("RGBA")
    if kind == "turned":
        return sheet.rotate(rng.uniform(-7, 7), Image.Resampling.BICUBIC, expand=True)
    if kind == "rounded":
        from PIL import ImageDraw

        corners = Image.new("L", sheet.size)
        box = (0, 0, sheet.width - 1, sheet.height - 1)
        ImageDraw.Draw(corners).rounded_rectangle(box, 60, fill=255)
        sheet.putalpha(corners)
        return sheet
    margin = 1 if kind == "margin" else 30
    size = (sheet.width + 2 * margin, sheet.height + 2 * margin)
    window = np.zeros((size[1], size[0], 4), np.uint8)
    if kind == "shadow":
        inside = np.zeros(size[::-1])
        inside[margin + 8 : -margin + 8, margin:-margin] = 1
        window[..., 3] = (ndimage.gaussian_filter(inside, 10) * 140).astype(np.uint8)
    picture = Image.fromarray(window)
    picture.alpha_composite(sheet, (margin, margin))
    return picture


GROUPS: dict[str, Maker] = {
    **{f"pen of {w} px": partial(photograph, pen=w, paper=238) for w in (1, 2, 3, 5, 7, 25)},
    **{f"paper of {p}": partial(photograph, paper=p, ink=p * 0.2) for p in (60, 90, 120, 160, 200)},
    "faint on grey": partial(photograph, pen=9, paper=120, ink=75, grain=4),
    "light on dark": partial(photograph, paper=40, ink=220, grain=6),
    "light on 140": partial(photograph, pen=12, paper=140, ink=245),
    "light on 140, side light": partial(photograph, pen=12, paper=140, ink=245, side=0.5, grain=5),
    "grain": partial(photograph, pen=9, grain=20),
    "strong grain": partial(photograph, pen=15, paper=180, grain=35),
    "side light": partial(photograph, pen=9, side=0.35, grain=6),
    "side light on grey": partial(photograph, pen=7, paper=150, ink=30, side=0.3, grain=5),
    "vignette": partial(photograph, pen=9, vignette=0.6, grain=6),
    "vignette, light ink": partial(photograph, pen=12, paper=60, ink=200, vignette=0.6, grain=4),
    "shadow": partial(photograph, pen=9, shadow=0.55, grain=4),
    "all at once": partial(
        photograph, pen=9, paper=190, ink=60, side=0.6, vignette=0.3, grain=10, quality=70
    ),
    "thin pen, side light, grain": partial(photograph, pen=3, paper=200, side=0.5, grain=8),
    **{f"card, {k}": partial(card, kind=k) for k in ("margin", "turned", "rounded", "shadow")},
}  # fmt: skip
