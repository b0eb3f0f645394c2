"""MobileSAM's picture encoder: TinyViT with its last stage kept at stride 16, and SAM's neck.

TinyViT: Fast Pretraining Distillation for Small Vision Transformers (Wu et al., ECCV 2022,
https://arxiv.org/abs/2207.10666), in timm's implementation; Faster Segment Anything (Zhang et
al., 2023, https://arxiv.org/abs/2306.14289) puts it in the place of SAM's ViT-H.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segment_anything.modeling.common import LayerNorm2d
from timm.models import tiny_vit
from torch import Tensor, nn

__all__ = ["TinyViTEncoder"]


class TinyViTEncoder(nn.Module):
    """Pictures [B, 3, S, S], normalised and padded as SAM does, -> embeddings [B, W, S/16, S/16].

    :param img_size: S, a multiple of 16; the name is what segment-anything's predictor asks for.
    :param width: W, channels of the embedding.
    :param embed_dims, depths, num_heads, window_sizes: one entry for each of the four stages.
    """

    def __init__(
        self,
        img_size: int = 1024,
        width: int = 256,
        embed_dims: Sequence[int] = (64, 128, 160, 320),
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (2, 4, 5, 10),
        window_sizes: Sequence[int] = (7, 7, 14, 7),
    ) -> None:
        super().__init__()
        self.img_size = img_size
        trunk = tiny_vit.TinyVit(
            num_classes=0, embed_dims=tuple(embed_dims), depths=tuple(depths),
            num_heads=tuple(num_heads), window_sizes=tuple(window_sizes), drop_path_rate=0.0,
        )  # fmt: skip
        # A classifier halves the picture once more here; SAM's decoder wants 64 x 64 of 1024.
        last: Any = trunk.stages[3]
        last.downsample.conv2.conv.stride = (1, 1)
        self.patch_embed = trunk.patch_embed
        self.stages = trunk.stages
        self.neck = nn.Sequential(
            nn.Conv2d(embed_dims[3], width, 1, bias=False),
            LayerNorm2d(width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            LayerNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pictures [B, 3, S, S] -> embeddings [B, W, S/16, S/16]."""
        return self.neck(self.stages(self.patch_embed(x)))
