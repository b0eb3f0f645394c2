"""The parts of a face by name: BiSeNet, 19 classes of CelebAMask-HQ.

Yu et al.: BiSeNet: Bilateral segmentation network for real-time semantic segmentation, ECCV 2018,
https://arxiv.org/abs/1808.00897; the classes are those of Lee et al.: MaskGAN, CVPR 2020,
https://arxiv.org/abs/1907.11922. As in the published weights, an early stage of the context path
stands for the spatial path, and batch norms live in the convolutions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends import imaging
from backends.imaging.resample import Window

__all__ = ["CLASSES", "WORDS", "BiSeNet", "mask_of", "named", "region_of"]

# The data tell left from right, the published network does not (which eye it calls the left one
# is chance), so each pair bears one name.
CLASSES = (
    "background", "skin", "eyebrow", "eyebrow", "eye", "eye", "glasses", "ear", "ear", "earring",
    "nose", "teeth", "lip", "lip", "neck", "necklace", "clothes", "hair", "hat",
)  # fmt: skip

# What else a person may call them, in the singular.
_FACE = ("skin", "eyebrow", "eye", "glasses", "nose", "teeth", "lip")
_MEANT = {
    "mouth": ("teeth", "lip"),  # all that lies between the lips is one class
    "face": _FACE,
    "head": (*_FACE, "ear", "earring", "hair", "hat"),
    "person": tuple(set(CLASSES) - {"background"}),
    "tooth": ("teeth",), "tongue": ("teeth",),
    "brow": ("eyebrow",),
    "glass": ("glasses",), "eyeglasses": ("glasses",), "spectacle": ("glasses",),
    "sunglasses": ("glasses",),
    "cloth": ("clothes",), "clothing": ("clothes",), "shirt": ("clothes",),
    "hairstyle": ("hair",), "haircut": ("hair",), "cap": ("hat",),
}  # fmt: skip
# A word can mean more than its pixels: a smile moves what is about the lips, by this share of the
# picture's width. Who wants the lips alone says so.
_AROUND = {"mouth": 0.05}
WORDS = ("mouth", "face", "head", *dict.fromkeys(CLASSES))

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as torchvision has


def named(words: str) -> list[int] | None:
    """What a person typed (``mouth``, ``the eyes and eyebrows``, ``hair, hat``) -> classes, sorted;
    None where a word is not known."""
    known = _classes(words)
    return sorted({i for classes in known.values() for i in classes}) or None


def region_of(labels: Tensor, words: str) -> Tensor:
    """Labels [B, H, W] -> mask [B, 1, H, W] in {0, 1} of what a person typed: for each word its
    classes and what it means of their surroundings; empty where a word is not known."""
    mask = labels.new_zeros(labels.shape, dtype=torch.float32)[:, None]
    for word, classes in _classes(words).items():
        margin = round(_AROUND.get(word, 0.0) * labels.shape[-1])
        mask = torch.maximum(mask, mask_of(labels, classes, margin))
    return mask


def _classes(words: str) -> dict[str, list[int]]:
    """The classes of each word, in the singular; empty where one is not known."""
    found = {}
    for phrase in re.split(r"[,;+&/]|\band\b", words.lower()):
        phrase = " ".join(re.sub(r"\b(the|a|an|his|her|their|my|both)\b", " ", phrase).split())
        if not phrase:
            continue
        for name in (phrase, phrase.removesuffix("s")):
            meant = _MEANT.get(name, (name,))
            if set(meant) <= set(CLASSES):
                found[name] = [i for i, part in enumerate(CLASSES) if part in meant]
                break
        else:
            return {}
    return found


def mask_of(labels: Tensor, classes: Sequence[int], dilation: int = 0) -> Tensor:
    """Labels [B, H, W] -> mask [B, 1, H, W] in {0, 1}: the classes, and every pixel at most
    ``dilation`` pixels away from them."""
    mask = torch.isin(labels, torch.tensor(list(classes), device=labels.device))
    if dilation:
        near = [imaging.grown(m, dilation) for m in mask.cpu().numpy()]
        mask = torch.from_numpy(np.stack(near)).to(labels.device)
    return mask[:, None].float()


class _Convolution(nn.Sequential):
    """A convolution with its batch norm, and ReLU."""

    def __init__(self, inner: int, outer: int, side: int = 3, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(inner, outer, side, stride, side // 2), nn.ReLU())


class _ParserBlock(nn.Module):
    """ResNet's basic block."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1)
        self.skip = nn.Conv2d(inner, outer, 1, stride) if stride > 1 or inner != outer else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x).relu())
        return (y + (x if self.skip is None else self.skip(x))).relu()


class _Refinement(nn.Module):
    """Attention refinement (figure 2b): features weighed by what the whole map holds."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv = _Convolution(inner, outer)
        self.attention = nn.Conv2d(outer, outer, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * self.attention(_whole(x)).sigmoid()


class _Fusion(nn.Module):
    """Feature fusion (figure 2c): detail and context, re-weighed and added to themselves."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv = _Convolution(inner, outer, side=1)
        self.squeeze = nn.Conv2d(outer, outer // 4, 1, bias=False)
        self.expand = nn.Conv2d(outer // 4, outer, 1, bias=False)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        x = self.conv(torch.cat([detail, context], dim=1))
        return x + x * self.expand(self.squeeze(_whole(x)).relu()).sigmoid()


def _whole(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


class BiSeNet(nn.Module):
    """Face parsing.

    :param size: side of the square that the network sees, a multiple of 32.
    :param width: channels of ResNet-18's first stage; the next have twice as many each.
    """

    def __init__(self, size: int = 512, width: int = 64) -> None:
        super().__init__()
        self.window = Window((0.0, 0.0, 1.0, 1.0), size)
        self.stem = nn.Conv2d(3, width, 7, 2, 3)
        channels = [width, width, 2 * width, 4 * width, 8 * width]
        self.stages = nn.ModuleList(
            nn.Sequential(_ParserBlock(inner, outer, 1 + bool(i)), _ParserBlock(outer, outer, 1))
            for i, (inner, outer) in enumerate(pairwise(channels))
        )
        context = 2 * width
        self.whole = _Convolution(channels[4], context, side=1)
        self.refine32, self.refine16 = (_Refinement(c, context) for c in (channels[4], channels[3]))
        self.up32, self.up16 = _Convolution(context, context), _Convolution(context, context)
        self.fusion = _Fusion(channels[2] + context, 2 * context)
        self.out = nn.Sequential(
            _Convolution(2 * context, 2 * context),
            nn.Conv2d(2 * context, len(CLASSES), 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> logits [B, 19, S / 8, S / 8]."""
        mean, deviation = (x.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
        x = (self.window(x) - mean) / deviation
        x = F.max_pool2d(self.stem(x).relu(), 3, 2, 1)
        _, x8, x16, x32 = [x := stage(x) for stage in self.stages]
        y = self.up32(_twice(self.refine32(x32) + self.whole(_whole(x32))))
        y = self.up16(_twice(self.refine16(x16) + y))
        return self.out(self.fusion(x8, y))

    @torch.no_grad()
    def labels(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> the class of each pixel, int64 [B, H, W]."""
        return torch.cat([self.logits(one).argmax(1) for one in x.split(1)])

    def logits(self, x: Tensor) -> Tensor:
        """Portraits [B, 3, H, W] in [0, 1] -> logits of each pixel, [B, 19, H, W]."""
        # As in training: the corners' pixels stay at the corners.
        return F.interpolate(self(x), x.shape[-2:], mode="bilinear", align_corners=True)


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
