"""Class-conditional latent diffusion of photographs, as its authors published it for ImageNet.

Rombach et al.: High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022,
https://arxiv.org/abs/2112.10752. LDCE uses the model with a null class. Networks are diffusers'.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from backends.priors.latent_diffusion import require_halvings

__all__ = ["LabelDenoiser", "VQAutoencoder"]


class VQAutoencoder(nn.Module):
    """Pictures [B, C, S, S] in [0, 1] <-> latents [B, L, S/k, S/k], which the decoder moves to the
    nearest entries of its codebook; gradients pass that step as if it were not there.

    :param vq: the settings of diffusers' VQModel.
    """

    def __init__(self, vq: dict[str, Any]) -> None:
        super().__init__()
        from diffusers import VQModel  # takes seconds to import

        self.vq = VQModel.from_config(vq)

    def encode(self, x: Tensor) -> Tensor:
        """The latents before they are moved, scaled.

        :raises BadInput: the picture's sides cannot be halved as often as needed.
        """
        require_halvings(x, len(self.vq.config.block_out_channels) - 1)
        return self.vq.config.scaling_factor * self.vq.encode(2 * x - 1).latents

    def decode(self, z: Tensor) -> Tensor:
        """Pictures that may leave [0, 1] slightly."""
        return (self.vq.decode(z / self.vq.config.scaling_factor).sample + 1) / 2


class LabelDenoiser(nn.Module):
    """epsilon(z_t, t, c) for latents [B, L, h, w]; a class is one embedded token.

    ``labels`` [classes + 1, 1, D] are the embeddings, that of no class the last.

    :param unet: the settings of diffusers' UNet2DConditionModel.
    :param schedule: the noise schedule that it was trained with, where it is not that of latent
        diffusion on ImageNet: what :func:`backends.priors.latent_diffusion.latent_schedule` takes.
    """

    labels: Tensor

    def __init__(
        self, unet: dict[str, Any], classes: int, schedule: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.schedule = dict(schedule or {})
        from diffusers import UNet2DConditionModel  # takes seconds to import

        self.unet = UNet2DConditionModel.from_config(unet)
        width = self.unet.config.cross_attention_dim
        self.register_buffer("labels", torch.zeros(classes + 1, 1, width))

    def condition(self, target: Tensor) -> Tensor:
        """Classes [B] -> their tokens [B, 1, D]."""
        return self.labels[target.to(self.labels.device)]

    def unconditional(self, count: int) -> Tensor:
        """The token of no class, for ``count`` pictures."""
        return self.labels[-1:].expand(count, -1, -1)

    def forward(self, z: Tensor, t: Tensor, c: Tensor) -> Tensor:
        """Noise in z at integer times t [B] in 0..999 under tokens c [B, length, D]."""
        return self.unet(z, t, encoder_hidden_states=c.to(z)).sample
