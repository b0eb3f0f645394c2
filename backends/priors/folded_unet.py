"""The network of every prior that works on pixels: a U-Net that sees blocks of them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["FoldedUNet"]


class FoldedUNet(nn.Module):
    """A diffusers U-Net on 2x2 pixel blocks: the picture is folded to half its side before and
    unfolded after, which makes a laptop's step several times cheaper.

    What it predicts is the prior's affair: a bridge's residual, a diffusion's noise.

    :param widths: channels at each resolution.
    :param fold: side of a block in pixels.
    :param schedule: the noise schedule that it was trained with, where it is not the usual one: of
        a bridge ``interval`` and ``beta_max``, of a diffusion what
        :func:`backends.priors.pixel_diffusion.pixel_alphas` takes.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        widths: list[int],
        fold: int = 2,
        schedule: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.schedule = dict(schedule or {})
        from diffusers import UNet2DModel  # seconds to import; the schedules do without

        levels = len(widths)
        self.fold = nn.PixelUnshuffle(fold)
        self.unfold = nn.PixelShuffle(fold)
        self.unet = UNet2DModel(
            sample_size=size // fold,
            in_channels=channels * fold**2,
            out_channels=channels * fold**2,
            layers_per_block=1,
            block_out_channels=tuple(widths),
            down_block_types=("DownBlock2D",) * levels,
            up_block_types=("UpBlock2D",) * levels,
            norm_num_groups=8,
            attention_head_dim=min(32, widths[-1]),
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Prediction [B, C, H, W] for x [B, C, H, W] in [-1, 1] plus noise, at times t [B]."""
        return self.unfold(self.unet(self.fold(x), t).sample)
