"""Structural similarity with a Gaussian window (11 pixels, sigma 1.5).

Wang et al.: Image quality assessment, IEEE TIP 2004. Computed where the pictures are and for the
whole batch at once, with torchmetrics' defaults, which gives the same numbers after seconds of
importing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.metrics.metric import metric, without_gradients

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["psnr", "ssim"]

RADIUS, SIGMA = 5, 1.5  # of the window, in pixels
C1, C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 for a data range L of 1


@metric(
    "ssim", "SSIM", "higher", "-1 to 1", form="{:.3f}",
    meaning="1 is the same picture, 0 has nothing of its structure", page=1, compared="always",
    good="Near 1: edges and textures are where they were.",
    bad="Near 0: the structure of your picture is gone.",
)  # fmt: skip
@without_gradients
def ssim(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Pictures [B, C, H, W] in [0, 1] (data range 1), at least 11 pixels a side -> [B] in
    [-1, 1]; 1 for equal pictures."""
    import torch
    from torch.nn import functional as F

    x, y = (p.flatten(0, 1)[:, None] for p in (factual, counterfactual))
    # As torchmetrics: the border is mirrored, so that every pixel has a window.
    x, y = (F.pad(p, [RADIUS] * 4, mode="reflect") for p in (x, y))
    mean = _blurred(torch.cat([x, y, x * x, y * y, x * y], dim=1))
    mx, my, xx, yy, xy = mean.split(1, dim=1)
    vx, vy, covariance = xx - mx * mx, yy - my * my, xy - mx * my
    structure = (2 * covariance + C2) / (vx.clamp(min=0) + vy.clamp(min=0) + C2)
    value = (2 * mx * my + C1) / (mx * mx + my * my + C1) * structure
    return value.reshape(len(factual), -1).mean(1)


def _blurred(x: Tensor) -> Tensor:
    """Channel by channel, where the whole window lies inside the picture."""
    import torch
    from torch.nn import functional as F

    at = torch.arange(-RADIUS, RADIUS + 1, dtype=x.dtype, device=x.device)
    weights = (-0.5 * (at / SIGMA) ** 2).exp()
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 1, -1)
    x = F.conv2d(x, weights, groups=x.shape[1])
    return F.conv2d(x, weights.transpose(2, 3), groups=x.shape[1])


@metric(
    "psnr", "PSNR", "higher", "dB", form="{:.1f} dB",
    meaning="peak signal-to-noise ratio; 100 is the same picture",
)  # fmt: skip
def psnr(factual: Tensor, counterfactual: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, [B]; 100 at most, which pictures without a difference
    have."""
    return -10 * (counterfactual - factual).square().flatten(1).mean(1).clamp_min(1e-10).log10()
