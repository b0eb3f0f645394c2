"""Conditional variational autoencoder: pictures [B, C, S, S] in [0, 1] <-> latents [B, D], given
the classes [B, K].

Sohn, Lee, Yan: Learning Structured Output Representation using Deep Conditional Generative Models,
NeurIPS 2015. The class enters where LeapFactual's appendix B.1.2 has it: the last layer of the
encoder and the first of the decoder are K inputs wider.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backends.priors.autoencoder import Autoencoder

__all__ = ["ConditionalAutoencoder"]


class ConditionalAutoencoder(nn.Module):
    """The layers of :class:`backends.priors.autoencoder.Autoencoder`, with a condition.

    :param classes: K, the numbers of a condition: one-hot, or probabilities.
    """

    def __init__(
        self, channels: int, size: int, latent: int, widths: list[int], classes: int
    ) -> None:
        super().__init__()
        plain = Autoencoder(channels, size, latent, widths)
        self.down, self.up = plain.encoder[:-1], plain.decoder[1:]
        self.inward = nn.Linear(16 * widths[-1] + classes, 2 * latent)
        self.outward = nn.Linear(latent + classes, 16 * widths[-1])

    def posterior(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x, c), each [B, D]."""
        mean, log_variance = self.inward(torch.cat([self.down(x), c], 1)).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def encode(self, x: Tensor, c: Tensor) -> Tensor:
        """Pictures [B, C, S, S] in [0, 1] of classes c [B, K] -> latents [B, D], deterministic."""
        return self.posterior(x, c)[0]

    def decode(self, z: Tensor, c: Tensor) -> Tensor:
        """Latents [B, D] and classes c [B, K] -> pictures [B, C, S, S] in [0, 1]."""
        return self.up(self.outward(torch.cat([z, c], 1)))

    def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction from a posterior sample, with the posterior (for training)."""
        mean, log_variance = self.posterior(x, c)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decode(z, c), mean, log_variance
