"""What each part of a bundle learns from, one function a part.

Each maker returns ``loss(module, indices, generator)`` for :func:`backends.training.fit.fit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.core import TargetModel
from backends.priors.bridge import BridgeSchedule
from backends.training.data import Split, affine_jitter
from backends.training.fit import Loss
from backends.training.masks import random_masks

__all__ = [
    "adversarial_loss",
    "autoencoder_loss",
    "bridge_loss",
    "class_autoencoders_loss",
    "classifier_loss",
    "conditional_autoencoder_loss",
    "denoiser_loss",
    "density_loss",
    "dissimilarity",
    "ensemble_loss",
    "flow_loss",
    "latent_autoencoder_loss",
    "pixel_denoiser_loss",
    "regression_loss",
    "velocity_loss",
    "verdict_change",
]

Distance = Callable[[Tensor, Tensor], Tensor]  # of two batches of pictures [B, C, S, S] -> [B]


def classifier_loss(data: Split, *, jitter: bool) -> Loss:
    """Cross-entropy; ``jitter`` adds small affine changes."""

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, y = data.batch(indices)
        return F.cross_entropy(module(affine_jitter(x, generator) if jitter else x), y)

    return loss


def autoencoder_loss(data: Split, beta: float) -> Loss:
    """Mean squared error + beta * KL(q(z|x) || N(0, I)), KL summed over the latent and averaged
    over the batch (LeapFactual, appendix B.1.2: beta = 1/4000)."""

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, _ = data.batch(indices)
        reconstruction, mean, log_variance = module(x)
        return F.mse_loss(reconstruction, x) + beta * _kl(mean, log_variance)

    return loss


def conditional_autoencoder_loss(data: Split, classes: int, beta: float) -> Loss:
    """:func:`autoencoder_loss` of a network that is told each picture's label, one-hot."""

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, y = data.batch(indices)
        reconstruction, mean, log_variance = module(x, F.one_hot(y, classes).to(x))
        return F.mse_loss(reconstruction, x) + beta * _kl(mean, log_variance)

    return loss


def _kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)), summed over the latent and averaged over the batch."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()


def class_autoencoders_loss(data: Split) -> Loss:
    """Mean squared error of the autoencoder of each picture's class, and of that of all classes."""

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, y = data.batch(indices)
        own, shared = module(x, y)
        return F.mse_loss(own, x) + F.mse_loss(shared, x)

    return loss


def velocity_loss(
    latents: Tensor, conditions: Tensor, sigma: float = 0.0, dropout: float = 0.0
) -> Loss:
    """CE-CFM (LeapFactual, equation 3): E |v(t, z_t, c) - (z_1 - z_0)|^2.

    :param latents: z_1 [N, D], the encoded training pictures.
    :param conditions: c [N, K], the target model's own probabilities for them.
    :param dropout: share of pictures whose condition becomes 0.
    """

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        indices = indices.to(latents.device)
        z1, c = latents[indices], conditions[indices]
        z0 = torch.randn(z1.shape, generator=generator).to(z1)
        t = torch.rand(len(z1), generator=generator).to(z1)
        zt = (1 - t[:, None]) * z0 + t[:, None] * z1
        if sigma:
            zt = zt + sigma * torch.randn(z1.shape, generator=generator).to(z1)
        if dropout:
            kept = (torch.rand(len(c), 1, generator=generator) >= dropout).to(c)
            c = c * kept
        return F.mse_loss(module(t, zt, c), z1 - z0)

    return loss


def bridge_loss(data: Split, schedule: BridgeSchedule, outside: float = 0.1) -> Loss:
    """E |net(x_t) - (x_t - x_0) / sigma_t|^2 on OT-ODE bridges x_t = mu_0 x_0 + mu_1 x_1.

    I2SB masks its loss to the region. ``outside`` is the weight of the rest: a little of it
    teaches the network to leave known pixels alone, so that the clean estimate is a whole
    picture that a target model can look at.
    """
    mu0, mu1, sigma, level = (
        torch.tensor(values, dtype=torch.float32)
        for values in (*schedule.mu, schedule.sigma, schedule.noise_level)
    )

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, _ = data.batch(indices)
        x0 = 2 * x - 1
        mask = random_masks(len(x0), x0.shape[-1], generator).to(x0)
        noise = torch.randn(x0.shape, generator=generator).to(x0)
        k = torch.randint(schedule.interval, (len(x0),), generator=generator)
        weight0, weight1, scale = (v[k].view(-1, 1, 1, 1).to(x0) for v in (mu0, mu1, sigma))
        xt = weight0 * x0 + weight1 * ((1 - mask) * x0 + mask * noise)
        error = (module(xt, level[k].to(x0)) - (xt - x0) / scale).square()
        weight = mask + outside * (1 - mask)
        return (weight * error).sum() / weight.sum()

    return loss


def flow_loss(data: Split) -> Loss:
    """Bits per dimension of pictures with uniform noise below their last bit."""

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, _ = data.batch(indices)
        return module(x, torch.rand(x.shape, generator=generator).to(x)).mean()

    return loss


def latent_autoencoder_loss(
    data: Split, beta: float, distances: Sequence[tuple[float, Distance]] = ()
) -> Loss:
    """Mean squared error + beta * KL, as :func:`autoencoder_loss`. Other distances are added to
    the gradient, but not to the value.

    :param distances: of pictures and reconstructions, each with the length of its gradient at the
        reconstructions, in lengths of the squared error's (after Esser et al., Taming Transformers,
        CVPR 2021, equation 7). With a fixed weight, the gradient of a target model's
        verdict is far longer than the squared error's while reconstructions are blurred, and they
        stay blurred. Distances are computed on a quarter of the batch, because their networks are
        often larger than the autoencoder.
    """

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, _ = data.batch(indices)
        reconstruction, kl = module(x)
        error: Tensor = F.mse_loss(reconstruction, x) + beta * kl.mean()
        some = slice(-(-len(x) // 4))
        for share, distance in distances:
            pull = _pull(distance, x[some], reconstruction[some], share) * len(x[some]) / len(x)
            error = error + pull - pull.detach()
        return error

    return loss


def dissimilarity(x: Tensor, reconstruction: Tensor) -> Tensor:
    """1 - SSIM [B], which sees a faint grid on an empty background; the squared error does not."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    found = structural_similarity_index_measure(reconstruction, x, data_range=1.0, reduction="none")
    assert isinstance(found, Tensor)
    return 1 - found


def _pull(distance: Distance, x: Tensor, reconstruction: Tensor, share: float) -> Tensor:
    """A term whose gradient at the reconstructions is the distance's, ``share`` times as long as
    that of their mean squared error."""
    with torch.enable_grad():
        seen = reconstruction.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(distance(x, seen).sum(), seen)
    reference = 2 * (seen.detach() - x) / x.numel()
    scale = share * reference.norm() / gradient.float().norm().clamp_min(1e-12)
    return (scale * gradient * reconstruction).sum()


def verdict_change(model: TargetModel) -> Distance:
    """KL(f(x) || f(x')), in nats: how far apart a model's verdicts on two pictures are."""

    def distance(x: Tensor, other: Tensor) -> Tensor:
        with torch.no_grad():
            said = model.logits(x).float().log_softmax(1)
        log_other = model.logits(other).float().log_softmax(1)
        return F.kl_div(log_other, said, reduction="none", log_target=True).sum(1)

    return distance


def denoiser_loss(
    latents: Tensor, labels: Tensor, alphas: Tensor, unconditional: int, dropout: float = 0.1
) -> Loss:
    """E |eps(z_t, t, c) - eps|^2, c forgotten with probability ``dropout`` (Ho, Salimans 2022).

    :param latents: z_0 [N, L, H, W] of deviation 1.
    :param labels: c [N].
    :param alphas: the schedule's cumulative products [T].
    """

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        indices = indices.to(latents.device)
        z0, c = latents[indices], labels[indices]
        noise = torch.randn(z0.shape, generator=generator).to(z0)
        t = torch.randint(len(alphas), (len(z0),), generator=generator)
        forget = torch.rand(len(z0), generator=generator) < dropout
        a = alphas[t].view(-1, 1, 1, 1).to(z0)
        c = c.masked_fill(forget.to(c.device), unconditional)
        predicted = module(a.sqrt() * z0 + (1 - a).sqrt() * noise, t.to(c.device), c)
        return F.mse_loss(predicted, noise)

    return loss


def density_loss(mean: Tensor, deviation: Tensor, labels: Tensor) -> Loss:
    """-log p_F(z | y) of posterior samples (PLACE's flow is trained as PluGeN's).

    :param mean: of q(z | x) [N, D]; ``deviation`` likewise.
    """

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        indices = indices.to(labels.device)
        noise = torch.randn((len(indices), mean.shape[1]), generator=generator).to(mean)
        return -module(mean[indices] + deviation[indices] * noise, labels[indices]).mean()

    return loss


def ensemble_loss(latents: Tensor, probabilities: Tensor) -> Loss:
    """Each member's cross-entropy to the target model's opinion.

    :param latents: [N, D]; ``probabilities`` of the target model [N, K].
    """

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        indices = indices.to(latents.device)
        z, p = latents[indices], probabilities[indices]
        return sum(F.cross_entropy(member(z), p) for member in module.members)

    return loss


def adversarial_loss(data: Split, latent: int) -> Loss:
    """The hinge losses of both players of :class:`backends.priors.gan.Adversaries`."""

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, _ = data.batch(indices)
        return module(x, torch.randn(len(x), latent, generator=generator).to(x))

    return loss


def pixel_denoiser_loss(data: Split, alphas: Tensor) -> Loss:
    """E |eps(x_t, t) - eps|^2 (DDPM, equation 14) on pictures in [-1, 1].

    :param alphas: the schedule's cumulative products [T].
    """

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, _ = data.batch(indices)
        x0 = 2 * x - 1
        noise = torch.randn(x0.shape, generator=generator).to(x0)
        t = torch.randint(len(alphas), (len(x0),), generator=generator)
        a = alphas[t].view(-1, 1, 1, 1).to(x0)
        xt = a.sqrt() * x0 + (1 - a).sqrt() * noise
        return F.mse_loss(module(xt, t.to(x0.device)), noise)

    return loss


def regression_loss(data: Split, measured: Tensor) -> Loss:
    """Mean squared error.

    :param measured: the property of the first pictures of ``data``, [N].
    """

    def loss(module: nn.Module, indices: Tensor, generator: torch.Generator) -> Tensor:
        x, _ = data.batch(indices)
        return F.mse_loss(module(x).flatten(), measured[indices.to(measured.device)])

    return loss
