"""Latent diffusion: an autoencoder with a small picture as its latent, and a denoiser there.

Rombach et al.: High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022,
https://arxiv.org/abs/2112.10752; Ho, Salimans: Classifier-free diffusion guidance, 2022,
https://arxiv.org/abs/2207.12598. Networks are diffusers'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from backends.errors import BadInput

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, UNet2DModel

__all__ = [
    "ClassDenoiser",
    "LatentAutoencoder",
    "latent_schedule",
    "latent_unet",
    "require_halvings",
]


def latent_schedule(
    beta_start: float = 0.0015, beta_end: float = 0.0195, beta_schedule: str = "scaled_linear"
) -> DDIMScheduler:
    """The 1000 noise levels of latent diffusion on ImageNet, linear in the root of beta, as the
    authors of LDCE walk them (Stable Diffusion's are 0.00085 to 0.012).

    :param beta_schedule: any that diffusers' DDIMScheduler knows.
    :raises NotImplementedError: the schedule is not known.
    """
    from diffusers import DDIMScheduler  # takes seconds to import

    return DDIMScheduler(
        beta_start=beta_start,
        beta_end=beta_end,
        beta_schedule=beta_schedule,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def require_halvings(x: Tensor, count: int) -> None:
    """Check that the sides of pictures [B, C, H, W] can be halved ``count`` times.

    :raises BadInput: they cannot.
    """
    k = 2**count
    if x.shape[-1] % k or x.shape[-2] % k:
        raise BadInput("the picture's sides must be multiples of {k} pixels; resize it", k=k)


class LatentAutoencoder(nn.Module):
    """Pictures [B, C, S, S] in [0, 1] <-> latents [B, L, S/(fold * 2**(n-1)), ...], where n is
    the number of ``widths``. The picture is folded to blocks of ``fold`` pixels first.

    ``scale`` brings the latents to deviation 1, as diffusion expects; it is set after training.
    """

    scale: Tensor

    def __init__(self, channels: int, latent: int, widths: list[int], fold: int = 2) -> None:
        from diffusers import AutoencoderKL  # takes seconds to import

        super().__init__()
        levels = len(widths)
        self.fold, self.unfold = nn.PixelUnshuffle(fold), nn.PixelShuffle(fold)
        self.network = AutoencoderKL(
            in_channels=channels * fold**2,
            out_channels=channels * fold**2,
            latent_channels=latent,
            block_out_channels=tuple(widths),
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            layers_per_block=1,
            norm_num_groups=8,
            mid_block_add_attention=False,
        )
        self.register_buffer("scale", torch.ones(()))

    def encode(self, x: Tensor) -> Tensor:
        """The posterior's mean, scaled."""
        return self.scale * self.network.encode(self.fold(2 * x - 1)).latent_dist.mean

    def decode(self, z: Tensor) -> Tensor:
        """Pictures that may leave [0, 1] slightly."""
        return (self.unfold(self.network.decode(z / self.scale).sample) + 1) / 2

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction from a posterior sample, and KL(q(z|x) || N(0, I)) [B] (for training)."""
        posterior = self.network.encode(self.fold(2 * x - 1)).latent_dist
        z = posterior.mean + posterior.std * torch.randn_like(posterior.mean)
        return (self.unfold(self.network.decode(z).sample) + 1) / 2, posterior.kl()


def latent_unet(latent: int, size: int, widths: list[int], **condition: Any) -> UNet2DModel:
    """A U-Net of latents [B, L, H, W].

    :param latent: channels L.
    :param size: side of the latents.
    :param widths: channels at each resolution; all but the first have self-attention.
    :param condition: how diffusers' network takes a class.
    """
    from diffusers import UNet2DModel  # takes seconds to import

    deeper = len(widths) - 1
    return UNet2DModel(
        sample_size=size,
        in_channels=latent,
        out_channels=latent,
        layers_per_block=1,
        block_out_channels=tuple(widths),
        down_block_types=("DownBlock2D", *("AttnDownBlock2D",) * deeper),
        up_block_types=(*("AttnUpBlock2D",) * deeper, "UpBlock2D"),
        norm_num_groups=8,
        attention_head_dim=min(32, widths[-1]),
        **condition,
    )


class ClassDenoiser(nn.Module):
    """epsilon(z_t, t, c) for latents [B, L, H, W]; class ``classes`` means unconditional.

    :param latent: channels L.
    :param size: side of the latents.
    :param widths: channels at each resolution; all but the first have self-attention.
    :param schedule: the noise schedule that it was trained with, where it is not the usual one:
        what :func:`latent_schedule` takes.
    """

    def __init__(
        self,
        latent: int,
        size: int,
        classes: int,
        widths: list[int],
        schedule: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.schedule = dict(schedule or {})
        self.classes = classes
        self.unet = latent_unet(latent, size, widths, num_class_embeds=classes + 1)

    def condition(self, target: Tensor) -> Tensor:
        """Classes [B] -> what :meth:`forward` takes as c."""
        return target

    def unconditional(self, count: int) -> Tensor:
        """c without a class, for ``count`` pictures."""
        return torch.full((count,), self.classes)

    def forward(self, z: Tensor, t: Tensor, c: Tensor) -> Tensor:
        """Noise in z at integer times t [B] in 0..999 under conditions c [B]."""
        return self.unet(z, t, class_labels=c.to(z.device)).sample
