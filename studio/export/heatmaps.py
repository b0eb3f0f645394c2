"""Pictures of an answer: what changed, by how much, where the model looks; colour maps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from backends.core import Answer

__all__ = [
    "absolute_difference",
    "as_picture",
    "coloured",
    "deviation",
    "difference_from_reconstruction",
    "enlarge",
    "important_changes",
    "outlined",
    "signed_difference",
    "spectrum_plot",
]

FAINT = 0.02  # a standard deviation that an eye does not see
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as Pillow's mode L
EDGE = (255, 150, 0)  # of a region, as on the page


def as_picture(array: np.ndarray) -> Image.Image:
    """uint8 [H, W], [H, W, 1] or [H, W, 3] as a picture of mode L or RGB."""
    return Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array)


def enlarge(picture: Image.Image, side: int = 384) -> Image.Image:
    """Small pictures in whole-number blocks up to about ``side``; large ones reduced to it."""
    longest = max(picture.size)
    if longest >= side:
        return (
            picture
            if longest == side
            else _scaled(picture, side / longest, Image.Resampling.LANCZOS)
        )
    return _scaled(picture, max(1, side // longest), Image.Resampling.NEAREST)


def _scaled(picture: Image.Image, factor: float, filter_: Image.Resampling) -> Image.Image:
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, filter_)


def _change(answer: Answer) -> np.ndarray:
    """x' - x, [H, W, C] in [-1, 1]."""
    after, before = (a.astype(np.float32) for a in (answer.counterfactual, answer.factual))
    return (after - before).reshape(*after.shape[:2], -1) / 255


def coloured(values: np.ndarray, colours: str) -> Image.Image:
    """Values [H, W] in [0, 1] through one of matplotlib's colour maps."""
    from matplotlib import colormaps

    return Image.fromarray((colormaps[colours](values)[..., :3] * 255).round().astype(np.uint8))


def absolute_difference(answer: Answer) -> Image.Image:
    """The mean over the channels of |x' - x|, black to yellow for 0 to 1 (inferno: perceptually
    uniform). A change of hue alone counts as much as any other."""
    return coloured(np.abs(_change(answer)).mean(-1), "inferno")


def signed_difference(answer: Answer) -> Image.Image:
    """The change of luminance from -1 (blue, darker) over 0 (black) to 1 (red, brighter):
    Crameri's berlin, which keeps its two arms apart for colour-blind eyes. What changed its hue
    alone may be dark here; :func:`absolute_difference` shows it."""
    change = _change(answer)
    weights = np.array(LUMINANCE if change.shape[-1] == 3 else (1,), np.float32)
    return coloured((change @ weights + 1) / 2, "berlin")


def difference_from_reconstruction(answer: Answer) -> Image.Image:
    """:func:`absolute_difference` from what the prior makes of the factual inside the region,
    instead of the factual: what it fails to rebuild does not count as change."""
    if answer.reconstruction is None:
        raise ValueError("this answer has no reconstruction")
    mask = answer.mask.reshape(*answer.mask.shape[:2], 1) > 0
    rebuilt = np.where(mask, answer.reconstruction, answer.factual)
    return absolute_difference(replace(answer, factual=rebuilt))


def deviation(pictures: Sequence[np.ndarray]) -> tuple[Image.Image, float]:
    """Where several pictures, uint8 [H, W, C], differ: the standard deviation of each pixel (of a
    sample; the mean over the channels), in the colours of :func:`absolute_difference`; and the
    value of its brightest colour, in [0, 1]: the greatest one, but never so small that noise would
    look like a difference."""
    values = np.stack(pictures).astype(np.float32) / 255
    amount = values.std(0, ddof=1)
    amount = amount.reshape(*amount.shape[:2], -1).mean(-1)
    brightest = max(float(amount.max()), FAINT)
    return coloured(amount / brightest, "inferno"), brightest


def important_changes(importance: np.ndarray) -> Image.Image:
    """Importance [H, W] in the colours of :func:`signed_difference`, stretched to its greatest
    value: red (brighter) where the target needs the change, blue where it would rather not."""
    greatest = np.abs(importance).max() or 1
    return coloured((importance / greatest + 1) / 2, "berlin")


def spectrum_plot(values: Sequence[float], prior: str) -> Image.Image:
    """Squared singular values of a prior's decoder, greatest first, on a logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure((5, 3.2), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.semilogy(range(1, len(values) + 1), [max(v, 1e-12) ** 2 for v in values])
    axes.set(xlabel="direction", ylabel="σ² of ∂g/∂z", title=f"Tangent spectrum of the {prior}")
    axes.grid(visible=True, alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return Image.open(buffer)


def outlined(picture: np.ndarray, mask: np.ndarray, side: int = 384) -> Image.Image:
    """A picture, enlarged to about ``side``, with the edge of a region of it.

    :param mask: uint8 [H, W], non-zero inside.
    """
    shown = enlarge(as_picture(picture), side).convert("RGB")
    inside = Image.fromarray(((mask.reshape(mask.shape[:2]) > 0) * 255).astype(np.uint8))
    inside = inside.resize(shown.size, Image.Resampling.NEAREST)
    # Two lines, one of which is seen on any ground.
    for width, colour in ((9, (0, 0, 0)), (5, EDGE)):
        edge = ImageChops.difference(inside, inside.filter(ImageFilter.MinFilter(width)))
        shown.paste(Image.new("RGB", shown.size, colour), mask=edge)
    return shown
