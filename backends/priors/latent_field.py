"""One class-conditional flow on the small pictures that an autoencoder makes, for two methods: as
the velocity field of LeapFactual, and as the denoiser of LDCE.

Lipman et al.: Flow Matching for Generative Modeling, ICLR 2023, https://arxiv.org/abs/2210.02747.
On the straight path z_t = (1 - t) z_0 + t z_1 from noise z_0 to data z_1 the field is
v = z_1 - z_0, so that the noise is z_0 = z_t - t v: what a diffusion's denoiser predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.priors.latent_diffusion import LatentAutoencoder, latent_schedule, latent_unet
from backends.priors.velocity import chosen

__all__ = ["FieldDenoiser", "FlatAutoencoder", "LatentField"]


class FlatAutoencoder(LatentAutoencoder):
    """The same network and weights as :class:`LatentAutoencoder`, with latents [B, D] as
    LeapFactual and PLACE take them; D is channels times height times width."""

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each [B, D]."""
        found = self.network.encode(self.fold(2 * x - 1)).latent_dist
        mean, log_variance = found.mean * self.scale, found.logvar + 2 * self.scale.log()
        return mean.flatten(1), log_variance.flatten(1)

    def encode(self, x: Tensor) -> Tensor:
        """Pictures [B, C, S, S] in [0, 1] -> the posterior's mean [B, D]."""
        return super().encode(x).flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        """Latents [B, D] -> pictures [B, C, S, S], which may leave [0, 1] slightly."""
        channels = self.network.config["latent_channels"]
        side = isqrt(z.shape[1] // channels)
        return super().decode(z.view(len(z), channels, side, side))


class _Field(nn.Module):
    """Velocity of latents by a diffusers U-Net, under a probability vector c; c = 0 stands for no
    condition. t = 1 is the data's end.

    :param latent: channels L of the latents.
    :param size: their side.
    :param widths: channels at each resolution; all but the first have self-attention.
    """

    def __init__(self, latent: int, size: int, classes: int, widths: list[int]) -> None:
        super().__init__()
        self.latent, self.size, self.classes = latent, size, classes
        self.dimensions = latent * size**2
        self.unet = latent_unet(latent, size, widths, class_embed_type="identity")
        self.condition_in = nn.Linear(classes, 4 * widths[0], bias=False)

    def velocity(self, t: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """Velocity [B, L, h, w] at times t [B] in [0, 1] for z [B, L, h, w] and c [B, K]."""
        return self.unet(z, 1000 * t, class_labels=self.condition_in(c)).sample


class LatentField(_Field):
    """Velocity v(t, z, c) of latents as vectors; arguments as above."""

    def forward(self, t: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """Velocity [B, D] at time t (scalar or [B]) in [0, 1] for z [B, D] and c [B, K]."""
        folded = z.view(len(z), self.latent, self.size, self.size)
        return self.velocity(t.reshape(-1).expand(len(z)), folded, c).flatten(1)

    @torch.no_grad()
    def start_as(self, known: LatentField, places: Sequence[int | None]) -> None:
        """Take the weights of a field for other classes; see
        :class:`backends.priors.velocity.Field`."""
        state = {k: v.detach().clone() for k, v in known.state_dict().items()}
        state["condition_in.weight"] = chosen(state["condition_in.weight"], places)
        self.load_state_dict(state)


class FieldDenoiser(_Field):
    """The field's network and weights as epsilon(z_t, t, c) of a latent diffusion.

    A diffusion's latent, a z_1 + s z_0 with a^2 + s^2 = 1, is a + s times the point of the straight
    path at time a / (a + s).

    :param schedule: as :class:`backends.priors.latent_diffusion.ClassDenoiser` takes it.
    """

    def __init__(
        self,
        latent: int,
        size: int,
        classes: int,
        widths: list[int],
        schedule: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(latent, size, classes, widths)
        self.schedule = dict(schedule or {})
        alphas = latent_schedule(**self.schedule).alphas_cumprod
        self.register_buffer("alphas", alphas.float(), persistent=False)

    alphas: Tensor

    def condition(self, target: Tensor) -> Tensor:
        """Classes [B] -> what :meth:`forward` takes as c, [B, K]."""
        return F.one_hot(target, self.classes).float()

    def unconditional(self, count: int) -> Tensor:
        """c without a class, for ``count`` pictures."""
        return torch.zeros(count, self.classes)

    def forward(self, z: Tensor, t: Tensor, c: Tensor) -> Tensor:
        """Noise in z [B, L, h, w] at integer times t [B] in 0..999 under conditions c [B, K]."""
        alpha = self.alphas[t.to(self.alphas.device)].view(-1, 1, 1, 1).to(z)
        clean, noise = alpha.sqrt(), (1 - alpha).sqrt()
        point, time = z / (clean + noise), clean / (clean + noise)
        return point - time * self.velocity(time.flatten(), point, c.to(z))
