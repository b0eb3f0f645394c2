"""What a published network does to a picture before it looks at it, as differentiable operations.

Published models come with a processor that resizes 8-bit pictures, crops their middle, and
subtracts a mean; it knows no gradients. Here are the same numbers in two small matrices, one an
axis, as in :mod:`backends.imaging.resample`. The two differ by rounding alone: the processor
rounds to 8 bits after resizing, once or twice, this never. :meth:`Intake.of` measures that when it
is made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from backends.errors import MissingPart

__all__ = ["TOLERANCE", "Intake", "resampling"]

TOLERANCE = 2 / 255  # of values in [0, 1]: one rounding to 8 bits for each axis
BILINEAR, BICUBIC = 2, 3  # Pillow's numbers
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, as Pillow's convert("L")
TRIAL = 96  # pixels, of the picture that an intake is measured with


class Intake:
    """Pictures in [0, 1] -> what a network sees.

    :param resized: length of the shorter side after resizing, or (height, width); None keeps the
        picture's size.
    :param crop: (height, width) of the middle that is kept; None keeps all.
    :param mean: of each channel, subtracted from values in [0, 1].
    :param std: of each channel, that they are divided by.
    :param resample: Pillow's number of the filter: 2 bilinear, 3 bicubic.
    :param channels: that the network looks at: 1 grey, 3 colours.
    """

    def __init__(
        self,
        resized: int | tuple[int, int] | None,
        crop: tuple[int, int] | None,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        resample: int = BICUBIC,
        channels: int = 3,
    ) -> None:
        self.resized, self.crop, self.resample = resized, crop, resample
        self.channels = channels
        self.mean = torch.tensor(mean).reshape(1, -1, 1, 1)
        self.std = torch.tensor(std).reshape(1, -1, 1, 1)

    def __call__(self, x: Tensor) -> Tensor:
        """[B, C, H, W] in [0, 1], C 1 or 3 -> [B, channels, h, w] as the network wants them."""
        return (self.seen(x) - self.mean.to(x)) / self.std.to(x)

    def seen(self, x: Tensor) -> Tensor:
        """The same before they are normalised, in [0, 1]."""
        if x.shape[1] > self.channels:
            x = (x * torch.tensor(LUMA).to(x).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
        x = x.expand(-1, self.channels, -1, -1)
        if self.resized is None and self.crop is None:
            return x
        rows, columns = (matrix.to(x) for matrix in self._matrices(*x.shape[-2:]))
        # A cubic overshoots; Pillow clips each axis, the first one too.
        return (rows @ (x @ columns.T).clamp(0, 1)).clamp(0, 1)

    def _matrices(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        if isinstance(self.resized, int):
            short, size = min(height, width), self.resized
            new = (int(size * height / short), int(size * width / short))
        else:
            new = self.resized or (height, width)
        kept = self.crop or new
        lines = [
            resampling(*pair, self.resample) for pair in zip((height, width), new, strict=True)
        ]
        rows, columns = (
            lines[axis][(new[axis] - kept[axis]) // 2 :][: kept[axis]] for axis in (0, 1)
        )
        return rows, columns

    @classmethod
    def of(cls, processor: Any) -> Intake:
        """The intake of a transformers image processor, measured against it.

        :raises MissingPart: the processor does something else than resize, crop and normalise.
        """
        size = {k: v for k, v in dict(processor.size or {}).items() if v}
        crop = {k: v for k, v in dict(getattr(processor, "crop_size", None) or {}).items() if v}
        kept = (
            (crop["height"], crop["width"]) if _has(processor, "do_center_crop") and crop else None
        )
        edge: int | None = size.get("shortest_edge")
        resized: int | tuple[int, int] | None = edge
        share = getattr(processor, "crop_pct", None)
        if edge and share and edge < 384:  # ConvNeXt's: enlarged, and cropped to ``size``
            resized, kept = int(edge / share), (edge, edge)
        elif share and edge:
            resized = (edge, edge)
        elif "height" in size:
            resized = (size["height"], size["width"])
        if not resized or not _has(processor, "do_resize"):
            raise MissingPart(UNKNOWN)
        normalise = _has(processor, "do_normalize")
        intake = cls(
            resized, kept,
            tuple(processor.image_mean) if normalise else (0.0,) * 3,
            tuple(processor.image_std) if normalise else (1.0,) * 3,
            int(processor.resample),
        )  # fmt: skip
        if not intake.difference(processor) <= TOLERANCE:
            raise MissingPart(UNKNOWN)
        return intake

    def difference(self, processor: Any) -> float:
        """Between this and the processor, in values of [0, 1]: the greatest anywhere in a picture
        of noise; infinite where not even the shapes agree."""
        from PIL import Image

        noise = torch.randint(0, 256, (TRIAL, TRIAL, 3), generator=torch.Generator().manual_seed(0))
        x = noise.permute(2, 0, 1)[None] / 255
        picture = Image.fromarray(noise.byte().numpy())
        theirs = processor(images=picture, return_tensors="pt")["pixel_values"]
        ours = self(x)
        if ours.shape != theirs.shape:
            return float("inf")
        return float(((ours - theirs) * self.std).abs().max())


UNKNOWN = (
    "this model prepares its pictures in a way that is not known here; choose one that resizes, "
    "crops and normalises them"
)


def _has(processor: Any, step: str) -> bool:
    return bool(getattr(processor, step, False))


@lru_cache(maxsize=64)
def resampling(length: int, size: int, resample: int) -> Tensor:
    """The matrix [size, length] that resizes a line of pixels as Pillow does, antialiased.

    Weights fall off with the distance, measured in new pixels or old ones, whichever are wider:
    linearly, or as Keys' cubic with a = -1/2 (IEEE Trans. ASSP 29, 1981, equation 4).

    :param resample: 2 bilinear, 3 bicubic.
    :raises MissingPart: it is another filter.
    """
    step = length / size
    new = (torch.arange(size, dtype=torch.float64) + 0.5) * step
    old = torch.arange(length, dtype=torch.float64) + 0.5
    d = (old - new[:, None]).abs() / max(step, 1.0)
    if resample == BILINEAR:
        weights = (1 - d).clamp(min=0)
    elif resample == BICUBIC:
        near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
        weights = torch.where(d < 1, near, far) * (d < 2)
    else:
        raise MissingPart(UNKNOWN)
    return (weights / weights.sum(1, keepdim=True)).float()
