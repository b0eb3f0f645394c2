"""The ablated diffusion model's U-Net, which I2SB and RCSB published for photographs.

Dhariwal, Nichol: Diffusion Models Beat GANs on Image Synthesis, NeurIPS 2021,
https://arxiv.org/abs/2105.05233. The network is diffusers'.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["ADM"]


class ADM(nn.Module):
    """A prediction [B, C, H, W] for pictures in [-1, 1] plus noise.

    Scale-shift norms, residual blocks that halve and double, and attention at the deeper levels;
    as published at 256 pixels unless given.

    :param width: channels of the first level, at least 32.
    :param multipliers: channels of each level, in widths.
    :param attention: how many of the levels have self-attention; the deepest ones.
    :param head: channels of an attention head.
    :param blocks: residual blocks of a level.
    :param schedule: a bridge's, as :class:`backends.priors.bridge.BridgeSchedule` takes it, or a
        diffusion's, as :func:`backends.priors.pixel_diffusion.pixel_alphas` does.
    """

    def __init__(
        self,
        channels: int = 3,
        size: int = 256,
        width: int = 256,
        multipliers: tuple[int, ...] = (1, 1, 2, 2, 4, 4),
        attention: int = 3,
        head: int = 64,
        blocks: int = 2,
        schedule: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.schedule = dict(schedule or {})
        from diffusers import UNet2DModel  # takes seconds to import

        plain = len(multipliers) - attention
        self.unet = UNet2DModel(
            sample_size=size,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=blocks,
            block_out_channels=tuple(width * m for m in multipliers),
            down_block_types=("ResnetDownsampleBlock2D",) * plain
            + ("AttnDownBlock2D",) * attention,
            up_block_types=("AttnUpBlock2D",) * attention + ("ResnetUpsampleBlock2D",) * plain,
            downsample_type="resnet",
            upsample_type="resnet",
            attention_head_dim=head,
            norm_num_groups=32,
            attn_norm_num_groups=32,  # without it the middle's attention has no norm
            norm_eps=1e-5,
            resnet_time_scale_shift="scale_shift",
            flip_sin_to_cos=True,
            freq_shift=0,
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The prediction for x [B, C, H, W] at noise levels t [B], of which fractions count."""
        return self.unet(x, t).sample
